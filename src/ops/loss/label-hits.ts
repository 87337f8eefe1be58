import { empty, type Tensor, zeros } from '../../tensor/tensor.ts'

/** Where labels that are the likeliest are counted: f32 [1], made with the first logits. */
interface Count {
  hits: Tensor | null
}

let open: Count | null = null

/**
 * What `work` gives, and how many of the labels whose loss it takes were the likeliest, f32 [1], counted on the device
 * (TRL's mean_token_accuracy before its division); null where no loss said so. The count belongs to no scope.
 */
export function countingHits<T>(work: () => T): { readonly result: T; readonly hits: Tensor | null } {
  const outer = open
  const count: Count = { hits: null }
  open = count
  try {
    return { result: work(), hits: count.hits }
  } catch (error) {
    count.hits?.dispose()
    throw error
  } finally {
    open = outer
  }
}

/** Counts, where anybody asked for it, rows of logits f32 [n, v] whose label, i32 with n elements, is the likeliest. */
export function noteHits(labels: Tensor, logits: Tensor): void {
  if (open === null) return
  const { device, rows } = logits
  const total = (open.hits ??= device.memory.rooted(() => zeros(device, [1], 'likeliest labels')))
  const hits = labelHits(labels, logits)
  device.run('sum', { x: hits, out: total }, { count: rows, accumulate: 1, alpha: 1 })
  hits.dispose()
}

/**
 * Which labels are the likeliest of their rows, without history: f32 [n, 1], 1 where logits f32 [n, v] have the first of
 * their largest at the label, i32 with n elements, else 0.
 */
export function labelHits(labels: Tensor, logits: Tensor): Tensor {
  const { device, columns: vocab, rows } = logits
  const hits = empty(device, [rows, 1], 'likeliest labels of rows')
  device.run('labelHits', { labels, logits, hits }, { rows, vocab })
  return hits
}
