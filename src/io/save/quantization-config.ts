import { check } from '../../core/errors.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module } from '../../nn/module.ts'
import { FourBitTensor } from '../../tensor/four-bit-tensor.ts'
import { Int8Tensor } from '../../tensor/int8-tensor.ts'

/**
 * The `quantization_config` of a config.json, in transformers' words (BitsAndBytesConfig.to_dict), by which it builds
 * bitsandbytes' layers before it reads the weights; `null` for a model without quantised layers.
 * @param computeDType What a product is computed in there: 'float32', 'float16' or 'bfloat16'.
 * @throws MedAwareError `unsupported` for layers in different formats, of which transformers knows one a model.
 */
export function quantizationConfig(
  who: string,
  model: Module,
  computeDType: string,
): Readonly<Record<string, unknown>> | null {
  const layers = [...model.namedModules()].flatMap(([path, module]) =>
    module instanceof Linear ? [{ path: path.replace(/\.base_layer$/, ''), format: formatOf(module) }] : [],
  )
  const formats = new Set(layers.flatMap(({ format }) => format ?? []))
  check(formats.size <= 1, 'unsupported', () => {
    return `${who}: layers are stored as ${[...formats].join(' and ')}; transformers reads one format a model, dequantize one of them`
  })
  const [format] = formats
  if (format === undefined) return null
  const skipped = layers.filter((layer) => layer.format === null).map(({ path }) => path)
  const isInt8 = format === 'int8'
  const [type = 'fp4', double] = isInt8 ? [] : format.split(', ')
  return {
    _load_in_4bit: !isInt8,
    _load_in_8bit: isInt8,
    bnb_4bit_compute_dtype: isInt8 ? 'float32' : computeDType,
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: type,
    bnb_4bit_use_double_quant: double !== undefined,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    // Without a list transformers spares the head; with one it has to be in it.
    llm_int8_skip_modules: skipped.length === 0 ? null : [...new Set(['lm_head', ...skipped])],
    llm_int8_threshold: 6,
    load_in_4bit: !isInt8,
    load_in_8bit: isInt8,
    quant_method: 'bitsandbytes',
  }
}

function formatOf({ weights }: Linear): string | null {
  if (weights.weight instanceof Int8Tensor) return 'int8'
  if (!(weights.weight instanceof FourBitTensor)) return null
  const { type, nested } = weights.weight.parts
  return nested === null ? type : `${type}, double-quantised`
}
