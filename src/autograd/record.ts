import type { Device } from '../device/device.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Tape, type Rule } from './tape.ts'

/** What a rule looks at when its time comes. All else a block of the model made is freed when the block is done. */
export interface RuleReads {
  /** Inputs, the output, or tensors of others; `null` for one that is not looked at. Default none. */
  readonly reads?: readonly (Tensor | null)[]
  /** Tensors that only the rule reads; they are freed with it, or at once when nothing is noted. Default none. */
  readonly saved?: readonly Tensor[]
  /** Inputs whose gradient the rule adds to what they have already, which it is handed as `totals`. Default none. */
  readonly addsTo?: readonly Tensor[]
  /**
   * Whether the output lies on an input's buffer, as a reshaped one does: it is not freed before the input. Default
   * false.
   */
  readonly isWindow?: boolean
}

/**
 * Ends an op: notes how to go back from `out` if a tape records and an input wants a gradient. With it, an op of one's
 * own is a function of tensors (torch's `autograd.Function`):
 *
 * ```ts
 * function cube(x: Tensor): Tensor {
 *   const square = noGrad(() => mul(x, x))
 *   const out = noGrad(() => mul(square, x))
 *   return record(out, [x], (dOut) => [mul(mul(dOut, square), 3)], { saved: [square] })
 * }
 * ```
 *
 * What makes `out` must leave no history, so ops within stand in `noGrad`; a rule runs without a tape. What the rule
 * looks at is named in `reads`, or in `saved` where nobody else has it: all else may be freed before its time comes.
 * @param out A tensor of its own: it is freed when its rule has run.
 * @returns `out`.
 */
export function record(
  out: Tensor,
  inputs: readonly (Tensor | null)[],
  rule: Rule,
  { reads = [], saved = [], addsTo = [], isWindow = false }: RuleReads = {},
): Tensor {
  if (Tape.active !== null && inputs.some(wantsGrad)) {
    out.requiresGrad = true
    Tape.active.add({ out, inputs, rule, reads, saved, addsTo, isWindow })
  } else for (const value of saved) value.dispose()
  return out
}

/** Whether an op on these inputs would be noted: ops that can prepare their gradient on the way forward ask. */
export function records(inputs: readonly (Tensor | null)[]): boolean {
  return Tape.active !== null && inputs.some(wantsGrad)
}

function wantsGrad(input: Tensor | null): boolean {
  return input?.requiresGrad ?? false
}

/** Runs part of a model and frees all that it made but its result and, where a tape records, what rules will read. */
export function tidy(device: Device, work: () => Tensor): Tensor {
  return tidyKeeping(device, (keep) => keep(work()))
}

/** The same of a part that gives more than a tensor: it says which of them to keep. */
export function tidyKeeping<T>(device: Device, work: (keep: (result: Tensor) => Tensor) => T): T {
  const tape = Tape.active
  const before = tape?.length ?? 0
  return device.memory.scoped((scope) => {
    const result = work((tensor) => scope.keep(tensor))
    tape?.eachReadSince(before, (value) => scope.keep(value))
    return result
  })
}
