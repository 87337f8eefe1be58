import { Random } from '../core/random.ts'
import type { Example } from '../models/example.ts'
import type { ResolvedOptions } from './training-options.ts'

/** Batches' worth of examples that are sorted by length together (transformers' get_length_grouped_indices). */
const MEGABATCH = 50

/**
 * The order of one epoch: a shuffle by seed and epoch, cut into batches. With `lengths`, examples of like length meet
 * in a batch, which wastes little on padding (transformers' group_by_length).
 */
export function epochBatches(
  count: number,
  batchSize: number,
  seed: number,
  epoch: number,
  lengths?: readonly number[],
): number[][] {
  const random = Random.of(seed, 0x0e90c4, epoch)
  const order = random.shuffle(Array.from({ length: count }, (_, i) => i))
  if (!lengths) return cut(order, batchSize)
  const longestFirst = (a: number, b: number) => (lengths[b] ?? 0) - (lengths[a] ?? 0)
  const sorted = cut(order, MEGABATCH * batchSize).flatMap((part) => part.sort(longestFirst))
  return random.shuffle(cut(sorted, batchSize))
}

function cut(items: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** Which options say what a step reads. */
export type OrderOptions = Pick<
  ResolvedOptions,
  'batchSize' | 'gradientAccumulationSteps' | 'seed' | 'dataSeed' | 'groupByLength'
>

/** The examples of each step of a run: its number alone says them. */
export class ExampleOrder {
  readonly stepsPerEpoch: number
  readonly #examples: readonly Pick<Example, 'inputIds'>[]
  readonly #options: OrderOptions
  #last: { epoch: number; batches: number[][] } | null = null

  constructor(examples: readonly Pick<Example, 'inputIds'>[], options: OrderOptions) {
    this.#examples = examples
    this.#options = options
    const { batchSize, gradientAccumulationSteps } = options
    this.stepsPerEpoch = Math.ceil(Math.ceil(examples.length / batchSize) / gradientAccumulationSteps)
  }

  /** Places of the examples of each micro-batch of a step, from 0. */
  rowsOf(index: number): number[][] {
    const { batchSize, gradientAccumulationSteps, seed, dataSeed, groupByLength } = this.#options
    const epoch = Math.floor(index / this.stepsPerEpoch)
    if (this.#last?.epoch !== epoch) {
      const lengths = groupByLength ? this.#examples.map(({ inputIds }) => inputIds.length) : undefined
      this.#last = { epoch, batches: epochBatches(this.#examples.length, batchSize, dataSeed ?? seed, epoch, lengths) }
    }
    const begin = (index % this.stepsPerEpoch) * gradientAccumulationSteps
    return this.#last.batches.slice(begin, begin + gradientAccumulationSteps)
  }
}
