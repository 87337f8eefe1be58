import type { Claim, ClaimFinder } from './claim.ts'
import { adviceOf, isCommand } from './directive-verbs.ts'

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
const fillers = new Set(['please', 'always', 'also', 'then', 'do', 'just', 'only', 'to', 'be', 'and', 'or', 'but'])
const conditions = new Set(['if', 'when', 'before', 'after', 'while', 'until', 'unless', 'once', 'for', 'to', 'during'])
/** Behind a noun that looks like a command. */
const verbsAfterNouns = new Set([
  'of',
  'is',
  'are',
  'was',
  'were',
  'may',
  'can',
  'might',
  'will',
  'has',
  'have',
  'helps',
])
const careWords = /^(help|care|attention|doctor|hospital|emergency|clinic|treatment|advice|physician|room|pharmacist)$/

/** Commands and advice to whoever reads: take, do not stop, you should avoid. */
export const directiveFinder: ClaimFinder = {
  claims: (answer) => {
    const claims: Claim[] = []
    for (const words of sentencesOf(answer)) {
      let isAdvised = false
      for (const [i, word] of words.entries()) {
        if (!isAdvice(words, i, isAdvised)) continue
        isAdvised = true
        const advice = adviceOf(word.text) ?? ''
        const [from, isNegative] = leadOf(words, i)
        const start = words[from]?.start ?? word.start
        claims.push({ kind: 'directive', start, end: word.end, needs: [needsOf(advice, isNegative)] })
      }
    }
    return claims
  },
  facts: (source) => {
    const facts = sentencesOf(source).flatMap((words) =>
      words.flatMap(({ text }, i) => {
        const advice = adviceOf(text)
        if (advice === undefined || articles.has(words[i - 1]?.text ?? '')) return []
        // Not to stop taking is to take.
        const before = words.slice(Math.max(i - 3, 0), i).map((word) => word.text)
        const turns = before.filter((word) => negations.has(word) || word === 'without' || isStop(word))
        return [factOf(advice, turns.length % 2 === 1)]
      }),
    )
    return new Set(facts)
  },
}

function isStop(word: string): boolean {
  return ['stop', 'avoid'].includes(adviceOf(word) ?? '')
}

function factOf(advice: string, isNegative: boolean): string {
  return `${isNegative ? 'not ' : ''}${advice}`
}

/** To avoid something is not to take, drink or eat it. */
function needsOf(advice: string, isNegative: boolean): string[] {
  const consuming = ['take', 'drink', 'eat']
  if (advice === 'avoid' && !isNegative) return ['avoid', ...consuming.map((each) => factOf(each, true))]
  if (isNegative && consuming.includes(advice)) return [factOf(advice, true), 'avoid']
  return [factOf(advice, isNegative)]
}

function isAdvice(words: readonly Word[], i: number, isAdvised: boolean): boolean {
  const [word, next] = [words[i], words[i + 1]]
  if (word === undefined || adviceOf(word.text) === undefined) return false
  if (/^(go|get|seek|went|goes|got)/.test(word.text) && !isOfCare(words, i)) return false
  const [from] = leadOf(words, i)
  const before = words[from - 1]
  const lead = words.slice(from, i).map(({ text }) => text)
  if (before !== undefined && modals.has(before.text)) return true
  if (lead.some((each) => modals.has(each))) return true
  if (!isCommand(word.text) || verbsAfterNouns.has(next?.text ?? '')) return false
  if (lead.some((each) => /^(don['’]t|never|please)$/.test(each)) || lead.join(' ').includes('do not')) return true
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
  const isNegative = words.slice(from, i).some(({ text }) => negations.has(text))
  return [from, isNegative || /n['’]t$/.test(words[from - 1]?.text ?? '')]
}

function isOfCare(words: readonly Word[], i: number): boolean {
  return words.slice(i + 1, i + 5).some(({ text }) => careWords.test(text))
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
