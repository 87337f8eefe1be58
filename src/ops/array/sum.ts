import { record } from '../../autograd/record.ts'
import { flag, type OptionRules, readOptions, whole } from '../../core/options.ts'
import { countOf, type Shape } from '../../core/shape.ts'
import { empty, reshaped, type Tensor } from '../../tensor/tensor.ts'
import { mul } from '../mul.ts'
import { axisOf, checkTensor } from './checked.ts'
import { spread, sumMiddle } from './strides.ts'

/** Over what `sum` and `mean` go. */
export interface SumOptions {
  /** The axis that is summed, from 0 or from -1 backwards; torch's `dim`. Default: all elements, to f32 [1]. */
  readonly axis?: number
  /** Leave the axis with size 1 instead of taking it out. Default false. */
  readonly keepDim?: boolean
}

const rules: OptionRules<SumOptions> = { axis: whole(), keepDim: flag }
const aliases = { dim: 'axis', keepdim: 'keepDim', keepDims: 'keepDim' } as const

/**
 * Σ x, over all elements (f32 [1], as a loss is) or along an axis; `torch.sum`. f32.
 * @throws MedAwareError `shape` for an axis that is not there, `unsupported` for other dtypes, `config` for bad
 * options.
 */
export function sum(x: Tensor, options: SumOptions = {}): Tensor {
  checkTensor('sum', 'x', x, 'f32')
  const { axis, keepDim = false } = readOptions('sum', options, rules, aliases)
  const along = axis === undefined ? null : axisOf('sum', x, axis)
  // With the axis left in, the gradient spreads over x by itself.
  const kept = along === null ? [1] : x.shape.map((size, i) => (i === along ? 1 : size))
  const out = along === null ? sumAll(x) : sumMiddle(x, around(x.shape, along), kept)
  const shape = along === null || keepDim ? kept : kept.filter((_, i) => i !== along)
  return record(reshaped(out, shape), [x], (dOut) => [spread('sum', reshaped(dOut, kept), x.shape)])
}

/** The mean of x, over all elements (f32 [1]) or along an axis; `torch.mean`. f32. @throws MedAwareError as `sum`. */
export function mean(x: Tensor, options: SumOptions = {}): Tensor {
  const total = sum(x, options)
  return mul(total, total.count / x.count)
}

/** Σ x without history: f32 [1]. */
function sumAll(x: Tensor): Tensor {
  const out = empty(x.device, [1], 'sum')
  x.device.run('sum', { x, out }, { count: x.count, accumulate: 0, alpha: 1 })
  return out
}

/** Elements before an axis, along it and behind it. */
function around(shape: Shape, axis: number): [outer: number, size: number, inner: number] {
  return [countOf(shape.slice(0, axis)), shape[axis] ?? 1, countOf(shape.slice(axis + 1))]
}
