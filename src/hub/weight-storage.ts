import type { WeightSpec } from '../models/causal-lm.ts'
import { isSkipped, type QuantizeOptions } from '../nn/quantize.ts'
import type { LoadModelOptions } from './load-model.ts'

/** How `loadModel` is to store weights. */
export type WeightStorage = Pick<LoadModelOptions, 'quantize' | 'dtype'>

/** How a weight is quantised as it comes, `null` for one that keeps its numbers. */
export function quantizationOf(
  { name, role }: WeightSpec,
  { quantize = false }: WeightStorage,
): QuantizeOptions | null {
  if (quantize === false || role !== 'projection') return null
  return isSkipped(name.replace(/\.weight$/, ''), quantize) ? null : quantize
}

/** What a weight that keeps its numbers is stored in: vectors stay f32. */
export function dtypeOf({ role }: WeightSpec, { dtype = 'f32' }: WeightStorage): NonNullable<WeightStorage['dtype']> {
  return role === 'vector' ? 'f32' : dtype
}
