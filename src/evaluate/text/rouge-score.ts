import { commonLength, commonPlaces } from './common-subsequence.ts'
import { countCommon, countNgrams } from './ngrams.ts'
import { porterStem } from './porter-stemmer.ts'

/** The kinds of ROUGE: runs of 1 to 9 words, the longest common subsequence, and its union over lines. */
export const rougeTypes = [
  ...(['rouge1', 'rouge2', 'rouge3', 'rouge4', 'rouge5', 'rouge6', 'rouge7', 'rouge8', 'rouge9'] as const),
  ...(['rougeL', 'rougeLsum'] as const),
] as const

export type RougeType = (typeof rougeTypes)[number]

/** One pair's ROUGE, each from 0 to 1. */
export interface RougeScore {
  readonly precision: number
  readonly recall: number
  readonly fmeasure: number
}

/** A text as words, and each of its lines. */
export interface RougeText {
  readonly words: readonly string[]
  readonly lines: readonly (readonly string[])[]
}

/** Gives a text's words, or their stems: what rouge_score's default tokenizer gives. */
export function rougeTokenizer(useStemmer: boolean): (text: string) => RougeText {
  const stems = new Map<string, string>()
  const stemOf = (word: string) => {
    const stem = stems.get(word) ?? porterStem(word)
    stems.set(word, stem)
    return stem
  }
  const wordsOf = (text: string) => {
    const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
    if (!useStemmer) return words
    return words.map((word) => (word.length > 3 ? stemOf(word) : word)).filter((word) => word !== '')
  }
  return (text) => ({
    words: wordsOf(text),
    lines: text
      .split('\n')
      .filter((line) => line !== '')
      .map(wordsOf),
  })
}

/** A pair's ROUGE of one kind, as `RougeScorer.score` of rouge_score 0.1.2 has it. */
export function scorePair(type: RougeType, target: RougeText, prediction: RougeText): RougeScore {
  if (type === 'rougeLsum') return unionScore(target.lines, prediction.lines)
  const [some, others] = [target.words, prediction.words]
  if (type === 'rougeL') return scoreOf(commonLength(some, others), some.length, others.length)
  const n = Number(type.slice('rouge'.length))
  const runs = (words: readonly string[]) => Math.max(words.length - n + 1, 0)
  return scoreOf(countCommon(countNgrams(some, n), countNgrams(others, n)), runs(some), runs(others))
}

/** Lin (2004), section 3.2, and as in ROUGE-1.5.5 no word counts twice. */
function unionScore(target: RougeText['lines'], prediction: RougeText['lines']): RougeScore {
  const [some, others] = [target, prediction].map((lines) => countNgrams(lines.flat(), 1))
  if (some === undefined || others === undefined) return scoreOf(0, 0, 0)
  const [targetWords, predictionWords] = [some, others].map(sumOf)
  let hits = 0
  for (const line of target) {
    const places = new Set(prediction.flatMap((other) => commonPlaces(line, other)))
    for (const place of places) {
      const word = line[place] ?? ''
      const [left, leftOfOthers] = [some.get(word) ?? 0, others.get(word) ?? 0]
      if (left === 0 || leftOfOthers === 0) continue
      hits++
      some.set(word, left - 1)
      others.set(word, leftOfOthers - 1)
    }
  }
  return scoreOf(hits, targetWords ?? 0, predictionWords ?? 0)
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

function scoreOf(hits: number, target: number, prediction: number): RougeScore {
  const [precision, recall] = [hits / Math.max(prediction, 1), hits / Math.max(target, 1)]
  return { precision, recall, fmeasure: hits > 0 ? (2 * precision * recall) / (precision + recall) : 0 }
}
