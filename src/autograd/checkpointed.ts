import type { Device } from '../device/device.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tidy, record, records } from './record.ts'
import { type Rule, Tape } from './tape.ts'

/** What a checkpointed block reads. A gradient goes to those that want one. */
export interface CheckpointedReads {
  /** Values made before it, by this pass: they are kept until its gradient is taken. */
  readonly inputs: readonly Tensor[]
  /** The trained tensors inside it. */
  readonly trainable: readonly Tensor[]
}

/**
 * Runs a block of a model and keeps nothing of what is inside it for the backward pass, which runs the block once more
 * (arXiv 1604.06174; torch.utils.checkpoint). `work` must do the same both times, and then loss and gradients are those
 * without checkpointing, to the bit. Without a tape it is `tidy`.
 */
export function checkpointed(device: Device, { inputs, trainable }: CheckpointedReads, work: () => Tensor): Tensor {
  const sources = [...inputs, ...trainable]
  if (!records(sources)) return tidy(device, work)
  const rule: Rule = (dOut, _, totals) =>
    device.memory.scoped((scope) => {
      const tape = new Tape()
      const again = Tape.during(tape, () => tidy(device, work))
      const places = new Map(sources.flatMap((source, i) => (totals[i] ? [[source, totals[i]] as const] : [])))
      const grads = tape.backward(again, dOut, new Set(sources), new Set(), places)
      for (const grad of grads.values()) scope.keep(grad)
      return sources.map((source) => grads.get(source) ?? null)
    })
  const out = Tape.during(null, () => tidy(device, work))
  const isWindow = sources.some(({ buffer }) => buffer === out.buffer)
  return record(out, sources, rule, { reads: inputs, addsTo: trainable, isWindow })
}
