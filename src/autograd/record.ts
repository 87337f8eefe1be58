import type { Scope } from '../device/memory.ts'
import type { Device } from '../device/device.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Tape, type Rule } from './tape.ts'

/**
 * Ends an op: notes how to go back from `out` if a tape records and an input wants a gradient. `saved` are tensors
 * besides inputs and output that only the rule reads; they are freed at once when nothing is noted.
 */
export function record(
  out: Tensor,
  inputs: readonly (Tensor | null)[],
  rule: Rule,
  saved: readonly Tensor[] = [],
): Tensor {
  if (Tape.active !== null && inputs.some((input) => input?.requiresGrad)) {
    out.requiresGrad = true
    Tape.active.add({ out, inputs, rule, saved })
  } else for (const value of saved) value.dispose()
  return out
}

/** Whether an op on these inputs would be noted: ops that can prepare their gradient on the way forward ask. */
export function records(inputs: readonly (Tensor | null)[]): boolean {
  return Tape.active !== null && inputs.some((input) => input?.requiresGrad)
}

/** Runs part of a model and, where no tape needs what it leaves behind, frees all but its result. */
export function block(device: Device, work: () => Tensor): Tensor {
  if (Tape.active !== null) return work()
  return device.memory.scoped((scope: Scope) => scope.keep(work()))
}
