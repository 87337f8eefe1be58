import type { NormalSum } from '../ops/norm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'

/** What stands where a model normalises: layer norm or RMS norm, plain or adapted. */
export interface NormLayer extends Module {
  /** x f32 [..., c] to the same shape. */
  forward(x: Tensor): Tensor
  /** The sum of x and r, f32 [..., c], and what `forward` gives of it. */
  afterSum(x: Tensor, r: Tensor): NormalSum
  /** The same norm of other numbers, under the names of its own. */
  with(weights: Readonly<Record<string, Tensor>>): NormLayer
}

/** Whether a module normalises. */
export function isNorm(module: Module): module is NormLayer {
  return 'afterSum' in module && 'with' in module
}
