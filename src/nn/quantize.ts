import { checkStorage, dequantize, quantizeMatrix, type StorageOptions } from '../ops/quantize.ts'
import { isFull } from '../tensor/matrix.ts'
import { Tensor } from '../tensor/tensor.ts'
import { Linear } from './linear.ts'
import type { Module } from './module.ts'

/** How a model is quantised, in place or while it is loaded. */
export interface QuantizeOptions extends StorageOptions {
  /**
   * Linear layers to leave as they are (llm_int8_skip_modules): names of modules, or runs of a path's names, such as 'mlp' or
   * 'h.0'; all below is left as well. As in transformers a list replaces the default; embeddings and heads of the models
   * here are no linear layers, and stay whatever it says. Default ['lm_head'].
   */
  readonly skipModules?: readonly string[]
}

/** Whether a linear layer is left as it is. @param path Of its module. */
export function isSkipped(path: string, { skipModules = ['lm_head'] }: QuantizeOptions): boolean {
  return skipModules.some((name) => `.${path}.`.includes(`.${name}.`))
}

/**
 * Stores the weight of every linear layer in 4 or 8 bits, one after another, in place; biases, norms and embeddings stay as
 * they are. Layers that are quantised already are left alone.
 * @returns Paths of the layers it changed.
 * @throws MedAwareError `config` or `unsupported` for options there are not, `memory`.
 */
export function quantize(model: Module, options: QuantizeOptions = {}): string[] {
  checkStorage(options)
  const changed: string[] = []
  for (const [path, module] of model.namedModules()) {
    if (!(module instanceof Linear) || isSkipped(path, options)) continue
    const { weight } = module.weights
    if (!(weight instanceof Tensor)) continue
    const { memory } = weight.device
    const full = isFull(weight) ? weight : memory.rooted(() => dequantize(weight))
    try {
      module.weights.weight = memory.rooted(() => quantizeMatrix(full, options))
    } finally {
      if (full !== weight) full.dispose()
    }
    weight.dispose()
    changed.push(path)
  }
  return changed
}
