import { Random } from '../core/random.ts'

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
