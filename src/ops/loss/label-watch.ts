import { empty, type Tensor, zeros } from '../../tensor/tensor.ts'
import { labelHits } from './label-hits.ts'

/** What is told of the labels whose loss is taken; its tensors belong to no scope. */
interface LabelWatch {
  /** How many of them were the likeliest, f32 [1], made with the first logits. */
  hits: Tensor | null
  /** The cross-entropy of each, f32 [n, 1], a tensor for each call, in the order of the calls. */
  readonly losses: Tensor[]
}

let open: LabelWatch | null = null

/**
 * What `work` gives; how many of the labels whose loss it takes were the likeliest, f32 [1], counted on the device
 * (TRL's mean_token_accuracy before its division), null where no loss said so; and the loss of each label, f32 [n, 1].
 */
export function watchingLabels<T>(work: () => T): Readonly<LabelWatch> & { readonly result: T } {
  const outer = open
  const watch: LabelWatch = { hits: null, losses: [] }
  open = watch
  try {
    return { result: work(), ...watch }
  } catch (error) {
    for (const tensor of [watch.hits, ...watch.losses]) tensor?.dispose()
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

/** Keeps, where anybody asked for them, the losses of labels, f32 [n, 1]. */
export function noteLosses(losses: Tensor): void {
  if (open === null) return
  const { device, shape, count } = losses
  const kept = device.memory.rooted(() => empty(device, shape, 'losses of labels'))
  device.run('scale', { x: losses, factor: losses, out: kept }, { count, hasFactor: 0, alpha: 1 })
  open.losses.push(kept)
}
