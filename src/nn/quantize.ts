import { floatWord } from '../core/dtype.ts'
import { flag, listOf, type OptionRules, readArgument, type Rule, table, text, that, whole } from '../core/options.ts'
import { storageType } from '../formats/formats.ts'
import { checkStorage, quantizeMatrix, type StorageOptions } from '../formats/quantize-matrix.ts'
import { dequantize } from '../ops/dequantize.ts'
import { isFull, rootedMatrix } from '../tensor/matrix.ts'
import { Tensor } from '../tensor/tensor.ts'
import { Linear } from './linear.ts'
import { Module } from './module.ts'

/** How a model is quantised, in place or while it is loaded. */
export interface QuantizeOptions extends StorageOptions {
  /**
   * Linear layers to leave as they are (llm_int8_skip_modules): names of modules, or runs of a path's names, such as
   * 'mlp' or 'h.0'; all below is left as well. As in transformers a list replaces the default; embeddings and heads of
   * the models here are no linear layers, and stay whatever it says. Default ['lm_head'].
   */
  readonly skipModules?: readonly string[]
}

/** How a model is quantised, or the type alone: 'int8' is `{ type: 'int8' }`. */
export type Quantization = QuantizeOptions | NonNullable<QuantizeOptions['type']>

const rules: OptionRules<QuantizeOptions> = {
  type: storageType,
  blockSize: whole({ from: 1 }),
  doubleQuant: flag,
  computeDtype: floatWord,
  skipModules: listOf(text),
}
const options = table(rules, {
  quant_type: 'type',
  bnb_4bit_quant_type: 'type',
  bnb_4bit_use_double_quant: 'doubleQuant',
  compress_statistics: 'doubleQuant',
  bnb_4bit_compute_dtype: 'computeDtype',
  llm_int8_skip_modules: 'skipModules',
  modules_to_not_convert: 'skipModules',
})

/** A `Quantization`, whose options it gives; what of them does not go together is refused as `checkStorage` does. */
export const quantizationRule: Rule<QuantizeOptions> = {
  get expects() {
    return `${storageType.expects} or an object such as { type: 'nf4' }`
  },
  read(value, at) {
    const type = storageType.read(value, at)
    const read = type === undefined ? options.read(value, at) : { type }
    if (read !== undefined) checkStorage(read)
    return read
  },
}

/** Whether a linear layer is left as it is. @param path Of its module. */
export function isSkipped(path: string, { skipModules = ['lm_head'] }: QuantizeOptions): boolean {
  return skipModules.some((name) => `.${path}.`.includes(`.${name}.`))
}

/**
 * Stores the weight of every linear layer in 4 or 8 bits, one after another, in place; biases, norms and embeddings
 * stay as they are. Layers that are quantised already are left alone.
 * @param how Default: QLoRA's double-quantised NF4.
 * @returns Paths of the layers it changed.
 * @throws MedAwareError `config` or `unsupported` for options there are not; `memory`, and then the layers before that
 * one are quantised, the others as they were.
 */
export function quantize(model: Module, how: Quantization = {}): string[] {
  readArgument('quantize', 'model', model, aModule)
  const options = readArgument('quantize', '', how, quantizationRule)
  const changed: string[] = []
  for (const [path, module] of model.namedModules()) {
    if (!(module instanceof Linear) || isSkipped(path, options)) continue
    const { weight } = module.weights
    if (!(weight instanceof Tensor)) continue
    const { device } = weight
    const full = isFull(weight) ? weight : rootedMatrix(device, () => dequantize(weight))
    try {
      module.weights.weight = rootedMatrix(device, () => quantizeMatrix(full, options))
    } finally {
      if (full !== weight) full.dispose()
    }
    weight.dispose()
    changed.push(path)
  }
  return changed
}

const aModule: Rule<Module> = that('a module, such as a model', (value): value is Module => value instanceof Module)
