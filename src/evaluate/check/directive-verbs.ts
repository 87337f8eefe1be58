/** Verbs of advice; those in one line advise the same. */
const classes = [
  'take use swallow apply put rub',
  'stop discontinue quit cease',
  'start begin',
  'avoid',
  'increase raise double',
  'decrease reduce lower halve',
  'skip miss',
  'drink',
  'eat',
  'inject',
  'give administer',
  'call phone contact see visit consult ask tell seek go get talk speak report inform',
  'crush chew split',
  'inhale breathe',
  'wear',
  'keep store',
  'wash clean',
  'mix dissolve',
  'check monitor measure',
  'limit restrict',
  'continue',
  'finish complete',
  'switch change replace',
  'remove',
  'massage',
  'soak',
  'walk exercise',
  'rest lie',
  'treat',
  'have',
  'test screen',
  'carry',
  'send',
  'cover wrap',
  'bathe shower',
  'gargle rinse',
  'follow',
  'scratch',
  'drive',
  'smoke',
  'fast',
  'examine',
  'burn',
  'sit stand',
  'bring',
].map((line) => line.split(' '))

const irregular: readonly (readonly [string, string])[] = [
  ...[['taken', 'take'] as const, ['took', 'take'] as const, ['given', 'give'] as const, ['gave', 'give'] as const],
  ...[['began', 'begin'] as const, ['begun', 'begin'] as const, ['drunk', 'drink'] as const],
  ...[
    ['had', 'have'] as const,
    ['lain', 'lie'] as const,
    ['sent', 'send'] as const,
    ['treatment', 'treat'] as const,
    ['seen', 'see'] as const,
  ],
  ...[['eaten', 'eat'] as const, ['told', 'tell'] as const, ['kept', 'keep'] as const, ['worn', 'wear'] as const],
]

/** Any form of a verb, with its class. */
const forms: ReadonlyMap<string, string> = new Map([
  ...classes.flatMap((verbs) => verbs.flatMap((verb) => formsOf(verb).map((form) => [form, verbs[0] ?? ''] as const))),
  ...irregular.map(([form, verb]) => [form, classes.find((verbs) => verbs.includes(verb))?.[0] ?? ''] as const),
])
const bases = new Set(classes.flat())

/** Commands that are nouns as well, unless something stands behind them that they are about. */
const nouns = new Set(
  'walk exercise rest test screen cover wrap shower rinse drive smoke fast burn stand report'.split(' '),
)

/** Whether a command may be a noun too. */
export function isNoun(word: string): boolean {
  return nouns.has(word)
}

/** A word without its ending, so that forms of a verb are one. */
export function stemOf(word: string): string {
  return word.replace(/(?:ing|ed|es|s|e)$/, '')
}

/** The class of a verb in any form. */
export function adviceOf(word: string): string | undefined {
  return forms.get(word)
}

/** Whether it is a verb in the form that commands. */
export function isCommand(word: string): boolean {
  return bases.has(word)
}

function formsOf(verb: string): string[] {
  const stem = verb.endsWith('e') && !verb.endsWith('ee') ? verb.slice(0, -1) : verb
  const doubled = /^[^aeiou]*[aeiou][bgmnpt]$/.test(verb) ? verb + (verb.at(-1) ?? '') : stem
  const third = /(s|sh|ch|x)$/.test(verb)
    ? `${verb}es`
    : /[^aeiou]y$/.test(verb)
      ? `${verb.slice(0, -1)}ies`
      : `${verb}s`
  const past = /[^aeiou]y$/.test(verb) ? `${verb.slice(0, -1)}ied` : `${doubled}ed`
  return [verb, third, past, `${doubled}ing`]
}
