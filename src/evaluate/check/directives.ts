import type { Claim, ClaimFinder } from './claim.ts'
import { adviceOf, isCommand, isNoun, stemOf } from './directive-verbs.ts'

interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
  /** What stands between it and the word before. */
  readonly gap: string
}

const negations = new Set(['not', 'never', "don't", 'don’t', "shouldn't", 'shouldn’t', "mustn't", 'cannot', 'no'])
/** What follows one is a noun: a visit, the use. */
const articles = new Set(['a', 'an', 'the'])
const modals = new Set(['should', 'must', 'need', 'needs', 'ought', "shouldn't", 'shouldn’t', "mustn't"])
const fillers = new Set('please always also then do just only to be and or but so'.split(' '))
const conditions = new Set(['if', 'when', 'before', 'after', 'while', 'until', 'unless', 'once', 'for', 'to', 'during'])
/** Behind a noun that looks like a command. */
const verbsAfterNouns = new Set('of is are was were may can might will has have helps'.split(' '))
const careWords = new Set(
  `help care attention doctor hospital emergency clinic treatment advice physician room pharmacist shot shots vaccine
  vaccines vaccinated vaccination test tests scan scans exam exams checked examined tested enough plenty least`.split(
    /\s+/,
  ),
)
/** Who is meant where advice names its reader. */
const people = new Set(
  `you they he she patient patients people person persons child children adult adults parent parents women woman men man
  babies infant infants anyone everyone everybody athlete athletes vegan vegans user users smoker smokers relatives
  families`.split(/\s+/),
)
/** Behind a command that is a noun as well; so are adverbs. */
const objects = new Set(
  `the a an your it them this these those his her their all only at in on down up out for with from after before until
  no any each every more less enough plenty`.split(/\s+/),
)
const told = new Set(['advised', 'recommended', 'told', 'urged', 'encouraged', 'asked'])
/** Words that say nothing of what advice is about. */
const empty = new Set(
  `the and that with this your you should must not never from they them their have has been will may can for are was
  were when before after more less than into each every any all also only need needs about until while during`.split(
    /\s+/,
  ),
)

/** Commands and advice to whoever reads: take, do not stop, you should avoid, driving is not recommended. */
export const directiveFinder: ClaimFinder = {
  claims: (answer) => {
    const claims: Claim[] = []
    for (const words of sentencesOf(answer)) {
      let isAdvised = false
      for (const [i, word] of words.entries()) {
        const [from, isNegative] = leadOf(words, i)
        const [start, end] = [words[from]?.start ?? word.start, word.end]
        if (isAdvice(words, i, isAdvised)) {
          const needs = needsOf(adviceOf(word.text) ?? '', isNegative, aboutOf(words, i))
          claims.push({ kind: 'directive', start, end, needs })
        } else if (isOtherAdvice(words, i)) {
          claims.push({ kind: 'directive', start, end, needs: [[factOf(`word ${stemOf(word.text)}`, isNegative)]] })
        } else if (isVerdict(words, i)) {
          const verdict = aboutOf(words, i).map((each) => factOf(`about ${each}`, isNegative))
          claims.push({ kind: 'directive', start: words[i - 2]?.start ?? start, end, needs: [verdict] })
        } else continue
        isAdvised = true
      }
    }
    return claims
  },
  facts: (source) => {
    // What it advises itself it bears out, however that is put.
    const own = directiveFinder.claims(source).flatMap(({ needs }) => needs.flatMap((each) => each.slice(0, 1)))
    const facts = new Set(own)
    const said = new Map<string, Set<boolean>>()
    for (const words of sentencesOf(source)) {
      for (const [i, { text }] of words.entries()) {
        // Not to stop taking is to take.
        const before = words.slice(Math.max(leadOf(words, i)[0] - 3, 0), i).map((word) => word.text)
        const turns = before.filter((word) => negations.has(word) || word === 'without' || isStop(word))
        const isNegative = turns.length % 2 === 1
        facts.add(factOf(`word ${stemOf(text)}`, isNegative))
        const advice = adviceOf(text)
        if (isVerdict(words, i)) for (const each of aboutOf(words, i)) facts.add(factOf(`about ${each}`, isNegative))
        if (advice === undefined || !maySay(words, i)) continue
        facts.add(factOf(advice, isNegative))
        said.set(advice, (said.get(advice) ?? new Set()).add(isNegative))
        for (const each of aboutOf(words, i)) {
          facts.add(factOf(`${advice} ${each}`, isNegative))
          facts.add(factOf(`about ${each}`, isNegative !== isStop(text)))
        }
      }
    }
    for (const [advice, signs] of said) if (signs.size === 1) facts.add(`only ${advice}`)
    return facts
  },
}

/** Whether a source's verb may be advice: no noun, and not what something does by itself. */
function maySay(words: readonly Word[], i: number): boolean {
  const [text, before] = [words[i]?.text ?? '', words[i - 1]?.text]
  if (isOfCareOnly(text) && !isOfCare(words, i)) return false
  if (articles.has(before ?? '') || (/s$/.test(text) && !isCommand(text))) return false
  if (!isCommand(text) || !isNoun(text)) return true
  return (
    fillers.has(before ?? '') ||
    negations.has(before ?? '') ||
    modals.has(before ?? '') ||
    isObject(words[i + 1]?.text ?? '')
  )
}

function isObject(word: string): boolean {
  return objects.has(word) || /\wly$/.test(word)
}

/** What stands around a verb: what it is about, whether before it or behind. */
function aboutOf(words: readonly Word[], i: number): string[] {
  const near = words.slice(Math.max(i - 5, 0), i + 6).map(({ text }) => text)
  return near.filter((text) => text.length > 2 && text !== words[i]?.text && !empty.has(text)).map(stemOf)
}

/** Do not exercise; athletes should not compete: whatever the verb. */
function isOtherAdvice(words: readonly Word[], i: number): boolean {
  const word = words[i]
  if (word === undefined || negations.has(word.text) || fillers.has(word.text) || modals.has(word.text)) return false
  if (adviceOf(word.text) !== undefined || word.text.length < 3 || /ly$/.test(word.text) || empty.has(word.text))
    return false
  const [from] = leadOf(words, i)
  const lead = words.slice(from, i).map(({ text }) => text)
  if (from === 0 && /^(?:do not|don['’]t|never)$/.test(lead.join(' '))) return true
  const modal = words.slice(0, i).findLastIndex(({ text }) => modals.has(text))
  const isNext = modal >= 0 && words.slice(modal + 1, i).every(({ text }) => negations.has(text) || fillers.has(text))
  if (!isNext || /^(?:need|ought)/.test(words[modal]?.text ?? '')) return false
  return words.slice(Math.max(modal - 2, 0), modal).some(({ text }) => people.has(text))
}

/** Driving is not recommended. */
function isVerdict(words: readonly Word[], i: number): boolean {
  const isPassive = words.slice(Math.max(i - 2, 0), i).some(({ text }) => /^(?:is|are)$/.test(text))
  return isPassive && /^(?:recommended|advised)$/.test(words[i]?.text ?? '') && words[i + 1]?.text !== 'to'
}

function isStop(word: string): boolean {
  return ['stop', 'avoid'].includes(adviceOf(word) ?? '')
}

function factOf(advice: string, isNegative: boolean): string {
  return `${isNegative ? 'not ' : ''}${advice}`
}

/** To avoid something is not to take, drink or eat it. Where a source says both, what it is about decides. */
function needsOf(advice: string, isNegative: boolean, about: readonly string[]): string[][] {
  const consuming = ['take', 'drink', 'eat']
  const same = factOf(advice, isNegative)
  if (advice === 'avoid' && !isNegative) return [['avoid', ...consuming.map((each) => factOf(each, true))]]
  if (isNegative && consuming.includes(advice)) return [[same, 'avoid']]
  return [[same], [...about.map((each) => factOf(`${advice} ${each}`, isNegative)), `only ${advice}`]]
}

function isAdvice(words: readonly Word[], i: number, isAdvised: boolean): boolean {
  const [word, next] = [words[i], words[i + 1]]
  if (word === undefined || word.text === 'treatment' || adviceOf(word.text) === undefined) return false
  if (isOfCareOnly(word.text) && !(isCommand(word.text) && isOfCare(words, i))) return false
  // See the table: that is no doctor.
  if (word.text === 'see' && words.slice(i + 1, i + 4).some(({ text }) => /^(list|table|below|above)$/.test(text)))
    return false
  const [from] = leadOf(words, i)
  const before = words[from - 1]
  const lead = words.slice(from, i).map(({ text }) => text)
  if (before !== undefined && modals.has(before.text)) return true
  if (lead.some((each) => modals.has(each)) || told.has(before?.text ?? '')) return true
  if (!isCommand(word.text) || verbsAfterNouns.has(next?.text ?? '')) return false
  if (lead.some((each) => /^(don['’]t|never|please)$/.test(each)) || lead.join(' ').includes('do not')) return true
  if (isNoun(word.text) && !isObject(next?.text ?? '')) return false
  if (lead.includes('so')) return true
  const isYou = before !== undefined && /^(may|can|could)$/.test(before.text)
  if (isYou) return words[from - 2]?.text === 'you'
  if (before === undefined) return true
  const isAfterCondition = conditions.has(words[0]?.text ?? '') && (words[from]?.gap ?? '').includes(',')
  return isAfterCondition || (isAdvised && lead.some((each) => ['and', 'or', 'then', 'but'].includes(each)))
}

/** Where what leads to a verb begins, and whether it turns it round. */
function leadOf(words: readonly Word[], i: number): [from: number, isNegative: boolean] {
  let from = i
  while (from > 0) {
    const word = words[from - 1]?.text ?? ''
    if (!negations.has(word) && !fillers.has(word)) break
    from--
    if ((words[from]?.gap ?? '').includes(',')) break
  }
  const before = words.slice(Math.max(from - 3, 0), from).map(({ text }) => text)
  // It is not advised to keep one; no aspirin should be given.
  const isTurned = before.includes('no') || (told.has(before.at(-1) ?? '') && negations.has(before.at(-2) ?? ''))
  const isNegative = isTurned || words.slice(from, i).some(({ text }) => negations.has(text))
  return [from, isNegative || /n['’]t$/.test(before.at(-1) ?? '')]
}

/** Verbs that advise only where care is what one has or goes for. */
function isOfCareOnly(word: string): boolean {
  return /^(?:go|goes|went|gets?|got|seeks?|ha(?:ve|s|d)|having|getting|going)$/.test(word)
}

function isOfCare(words: readonly Word[], i: number): boolean {
  return words.slice(i + 1, i + 5).some(({ text }) => careWords.has(text))
}

/** Words of each sentence, a line and what follows a colon counting as one. */
function sentencesOf(text: string): Word[][] {
  const sentences: Word[][] = [[]]
  let end = 0
  for (const { index, 0: word } of text.matchAll(/\p{L}+(?:['’-]\p{L}+)*/gu)) {
    const gap = text.slice(end, index)
    if (/[.!?;:\n]/.test(gap)) sentences.push([])
    sentences.at(-1)?.push({ text: word.toLowerCase(), start: index, end: index + word.length, gap })
    end = index + word.length
  }
  return sentences
}
