import type { TextTokenizer } from 'peft-medaware'
import { cleanQuestion, cleanText, isAnswered } from '../../data/clean-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'

/** How long things are. A share's value is the one that so many of a hundred are not above. */
export interface Spread {
  readonly mean: number
  readonly median: number
  readonly p90: number
  readonly p99: number
  readonly most: number
  readonly sum: number
}

/** Answers, white space cleaned, and what of them a model of some length would not see. */
export interface LengthCounts {
  readonly characters: Spread
  readonly words: Spread
  /** Answers by their words, in steps of `step`; the last step has all that are longer. */
  readonly histogram: { readonly step: number; readonly answers: readonly number[] }
  readonly tokenizers: readonly TokenLengths[]
}

/** Lengths in tokens of one vocabulary. */
export interface TokenLengths {
  readonly name: string
  readonly answers: Spread
  /** Question and answer without anything around them: the share of pairs that are longer than so many tokens. */
  readonly cut: readonly { readonly tokens: number; readonly share: number }[]
}

/** A vocabulary by the name that tables have for it. */
export interface NamedTokenizer {
  readonly name: string
  readonly tokenizer: Pick<TextTokenizer, 'encode'>
}

const step = 50
const steps = 20

/** Lengths of the answered pairs. `onText` is told of each pair that a tokenizer has done. */
export function lengthsOf(
  pairs: readonly MedquadPair[],
  tokenizers: readonly NamedTokenizer[],
  onText?: () => void,
): LengthCounts {
  const answered = pairs.filter(isAnswered)
  const answers = answered.map(({ answer }) => cleanText(answer))
  const words = answers.map((text) => text.split(/\s+/).length)
  const bins = new Array<number>(steps).fill(0)
  for (const count of words) {
    const bin = Math.min(steps - 1, Math.floor(count / step))
    bins[bin] = (bins[bin] ?? 0) + 1
  }
  return {
    characters: spreadOf(answers.map(({ length }) => length)),
    words: spreadOf(words),
    histogram: { step, answers: bins },
    tokenizers: tokenizers.map(({ name, tokenizer }) => {
      const around = tokenizer.encode('').length // tokens that stand around any text, such as its begin
      const lengthOf = (text: string) => tokenizer.encode(text).length - around
      const lengths = answers.map((text, i) => {
        const question = lengthOf(cleanQuestion(answered[i]?.question ?? ''))
        const answer = lengthOf(text)
        onText?.()
        return { answer, whole: question + answer }
      })
      const cut = [128, 256, 512, 1024].map((tokens) => {
        return { tokens, share: lengths.filter(({ whole }) => whole > tokens).length / Math.max(1, lengths.length) }
      })
      return { name, answers: spreadOf(lengths.map(({ answer }) => answer)), cut }
    }),
  }
}

/** Figures of numbers; all 0 of none. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b)
  const sum = sorted.reduce((total, one) => total + one, 0)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { mean: sum / Math.max(1, sorted.length), median: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1), sum }
}
