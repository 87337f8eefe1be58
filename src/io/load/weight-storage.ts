import { floatWord } from '../../core/dtype.ts'
import { either, that, type OptionRules } from '../../core/options.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import { isSkipped, type Quantization, quantizationRule, type QuantizeOptions } from '../../nn/quantize.ts'
import type { HalfType } from '../../tensor/half.ts'

/** How weights are stored on a device. */
export interface WeightStorage {
  /**
   * What matrices that are not quantised are stored in: half the bytes in 'f16' or 'bf16', rounded to nearest, or
   * copied where the checkpoint has that format, and frozen; vectors stay f32. Products are computed in f32. Default
   * 'f32'.
   */
  readonly dtype?: 'f32' | HalfType
  /**
   * Store projections in 4 or 8 bits as they come, as `quantize` does, `{}` in QLoRA's double-quantised NF4; `false`
   * keeps them in `dtype`. Default: `false`, as in transformers, but for those that a GGUF file has in blocks, and
   * tables in blocks, which stay as they are. What bitsandbytes quantised stays so whatever is asked.
   */
  readonly quantize?: Quantization | false
}

export const storageRules: OptionRules<WeightStorage> = {
  dtype: floatWord,
  quantize: either(
    quantizationRule,
    that('false', (value): value is false => value === false),
  ),
}

/** What transformers calls them. */
export const storageAliases = {
  torch_dtype: 'dtype',
  precision: 'dtype',
  load_in_4bit: 'quantize',
  load_in_8bit: 'quantize',
  quantization_config: 'quantize',
} as const

/** How a weight is quantised as it comes, `null` for one that keeps its numbers. */
export function quantizationFor(
  { name, role }: WeightSpec,
  { quantize = false }: WeightStorage,
): QuantizeOptions | null {
  if (quantize === false || role !== 'projection') return null
  const options = typeof quantize === 'string' ? { type: quantize } : quantize
  return isSkipped(name.replace(/\.weight$/, ''), options) ? null : options
}

/** What a weight that keeps its numbers is stored in: vectors stay f32. */
export function dtypeFor({ role }: WeightSpec, { dtype = 'f32' }: WeightStorage): NonNullable<WeightStorage['dtype']> {
  return role === 'vector' ? 'f32' : dtype
}
