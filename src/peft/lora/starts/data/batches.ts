import { check } from '../../../../core/errors.ts'
import { type Rule, that } from '../../../../core/options.ts'
import { show } from '../../../../core/show.ts'

/** Rows of tokens that a start looks at: what `model.forward` takes, and `TrainingRun`. */
export interface StartBatch {
  /** [b · t] ids, row by row. */
  readonly inputIds: Int32Array
  /** [b, t]. */
  readonly shape: readonly [number, number]
  /** [b · t] bytes, 0 for padding, which is not looked at. Default: nothing is padded. */
  readonly attentionMask?: Uint8Array
  /** [b · t], where each token stands. */
  readonly positionIds?: Int32Array
  /** [b · t]; EVA leaves out tokens whose label is -100. Default: all have one. */
  readonly labels?: Int32Array
}

type BatchIterable = AsyncIterable<StartBatch> | Iterable<StartBatch>

/** What can be gone through, again and again: a list, or a function that opens an iterable. */
export type StartBatches = BatchIterable | (() => BatchIterable)

/** A rule for them. */
export const batchesRule: Rule<StartBatches> = that(
  'batches to go through, such as [{ inputIds, shape }], or a function that gives them',
  (value): value is StartBatches => {
    if (typeof value === 'function') return true
    return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
  },
)

/** One pass. @throws MedAwareError `config` for what is no batch. */
export async function* openBatches(who: string, batches: StartBatches): AsyncGenerator<StartBatch> {
  let index = 0
  for await (const batch of typeof batches === 'function' ? batches() : batches) {
    checkBatch(`${who}: batch ${index++}`, batch)
    yield batch
  }
}

/** Which tokens are looked at, 1 for each that is. @param ignored The label of those that are not. */
export function keptTokens(
  { inputIds, attentionMask, labels }: StartBatch,
  ignored: number | null,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(inputIds, (_, i) => {
    const isLabelled = ignored === null || labels === undefined || labels[i] !== ignored
    return +(isLabelled && attentionMask?.[i] !== 0)
  })
}

function checkBatch(who: string, batch: unknown): asserts batch is StartBatch {
  const fields: Readonly<Record<string, unknown>> = typeof batch === 'object' ? { ...batch } : {}
  const { inputIds, shape, attentionMask, labels } = fields
  check(inputIds instanceof Int32Array && Array.isArray(shape) && shape.length === 2, 'config', () => {
    return `${who} must be token ids and their shape, { inputIds: Int32Array, shape: [rows, tokens] }, got ${show(batch)}`
  })
  for (const [name, field, Kind] of [
    ['labels', labels, Int32Array],
    ['attentionMask', attentionMask, Uint8Array],
  ] as const) {
    const fits = field === undefined || (field instanceof Kind && field.length === inputIds.length)
    check(fits, 'config', () => `${who}: ${name} must be ${inputIds.length} numbers, one a token, got ${show(field)}`)
  }
}
