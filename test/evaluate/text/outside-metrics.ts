import type { RougeType } from '../../../src/evaluate/text/rouge-score.ts'
import type { BleuTokenizer } from '../../../src/evaluate/text/bleu-tokenizers.ts'
import type { SmoothMethod } from '../../../src/evaluate/text/bleu-score.ts'
import type { BleuOptions } from '../../../src/evaluate/text/bleu.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

/** sacrebleu's BLEU of some of the pairs. */
export interface OutsideBleu {
  readonly pairs: readonly number[]
  readonly options: {
    readonly tokenize: BleuTokenizer
    readonly lowercase: boolean
    readonly smooth_method: SmoothMethod
    readonly smooth_value: number | null
    readonly max_ngram_order: number
    readonly effective_order: boolean
  }
  readonly score: number
  readonly counts: readonly number[]
  readonly totals: readonly number[]
  readonly precisions: readonly number[]
  readonly bp: number
  readonly lengths: readonly [number, number]
  readonly signature: string
}

/** What make_text_metrics.py writes. */
export interface OutsideMetrics {
  readonly pairs: readonly (readonly [string, readonly string[]])[]
  /** Precision, recall and F-measure; the odd pairs with stems. */
  readonly rouge: readonly Readonly<Partial<Record<RougeType, readonly [number, number, number]>>>[]
  readonly sentences: readonly OutsideBleu[]
  readonly corpora: readonly OutsideBleu[]
  readonly sentenceDefaults: readonly number[]
  /** Words, each with its stem. */
  readonly stems: string
}

export async function outsideMetrics(): Promise<OutsideMetrics> {
  return JSON.parse(new TextDecoder().decode(await readFixture('text-metrics.json'))) as OutsideMetrics
}

export function bleuOptionsOf({ options }: OutsideBleu): BleuOptions {
  return {
    tokenize: options.tokenize,
    lowercase: options.lowercase,
    smoothMethod: options.smooth_method,
    ...(options.smooth_value === null ? {} : { smoothValue: options.smooth_value }),
    maxNgramOrder: options.max_ngram_order,
    effectiveOrder: options.effective_order,
  }
}
