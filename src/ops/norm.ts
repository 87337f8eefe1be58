import type { RuleReads } from '../autograd/record.ts'
import type { Rule } from '../autograd/tape.ts'
import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/** What the ops of normalisation share: layer norm, or RMS norm where there is no bias. */
export interface Norm {
  /** The op's name, for errors. */
  readonly who: string
  /** f32 [c]. */
  readonly weight: Tensor
  /** f32 [c]. */
  readonly bias: Tensor | null
  readonly eps: number
  /** What is added to each weight. Default 0. */
  readonly shift?: number
}

/** A sum, and what a normalisation makes of it. */
export interface NormalSum {
  readonly y: Tensor
  readonly out: Tensor
}

/**
 * x normalised by rows, without history; stats are mean (0 of RMS norm) and 1/sqrt(variance + eps) of each row.
 * @throws MedAwareError `shape` where weight or bias do not fit x.
 */
export function normalize(x: Tensor, norm: Norm): { readonly out: Tensor; readonly stats: Tensor } {
  checkNorm(x, norm)
  const { device, rows, columns: dim } = x
  const { weight, bias, eps, shift = 0 } = norm
  const out = empty(device, x.shape, 'norm')
  const stats = empty(device, [rows, 2], 'norm stats')
  device.run('layerNorm', { x, weight, bias, out, stats }, { rows, dim, isRms: isRms(norm), eps, shift })
  return { out, stats }
}

/** The same of y = x + r. @throws MedAwareError `shape`. */
export function addNormalize(x: Tensor, r: Tensor, norm: Norm): NormalSum & { readonly stats: Tensor } {
  const { device, rows, columns: dim } = x
  const { who, weight, bias, eps, shift = 0 } = norm
  check(
    sameShape(x.shape, r.shape),
    'shape',
    () => `${who}: shapes differ, x ${showShape(x.shape)} vs r ${showShape(r.shape)}`,
  )
  checkNorm(x, norm)
  const y = empty(device, x.shape, 'residual')
  const out = empty(device, x.shape, 'norm')
  const stats = empty(device, [rows, 2], 'norm stats')
  device.run('addLayerNorm', { x, r, weight, bias, y, out, stats }, { rows, dim, isRms: isRms(norm), eps, shift })
  return { y, out, stats }
}

/** How to go back from x normalised to x, weight and bias, for `record`. */
export function wayBack(x: Tensor, norm: Norm, stats: Tensor): [Rule, RuleReads] {
  const { device, rows, columns: dim } = x
  const { weight, bias, shift = 0 } = norm
  const rule: Rule = (dOut, [needsX, needsWeight, needsBias], [total]) => {
    const dX = needsX ? (total ?? empty(device, x.shape, 'norm dX')) : null
    if (dX) {
      const params = { rows, dim, isRms: isRms(norm), accumulate: +(dX === total), shift }
      device.run('layerNormBackward', { dOut, x, weight, stats, dX }, params)
    }
    if (!needsWeight && !needsBias) return [dX, null, null]
    const dWeight = empty(device, [dim], 'norm dWeight')
    const dBias = empty(device, [dim], 'norm dBias')
    device.run('layerNormParamsBackward', { dOut, x, stats, dWeight, dBias }, { rows, dim, accumulate: 0 })
    if (bias !== null) return [dX, dWeight, dBias]
    dBias.dispose()
    return [dX, dWeight, null]
  }
  return [rule, { reads: [x, weight], saved: [stats], addsTo: [x] }]
}

/** How to go back from y = x + r to x and r. */
export const backToSummands: Rule = (dY, [needsX, needsR]) => [needsX ? dY : null, needsR ? dY : null]

function isRms({ bias }: Norm): number {
  return bias === null ? 1 : 0
}

function checkNorm(x: Tensor, { who, weight, bias }: Norm): void {
  const dim = x.columns
  check(weight.count === dim && (bias === null || bias.count === dim), 'shape', () => {
    const [wanted, more] = bias === null ? ['weight', ''] : ['weight and bias', ` and ${bias.count}`]
    return `${who}: x ${showShape(x.shape)} needs ${wanted} of ${dim}, got ${weight.count}${more}`
  })
}
