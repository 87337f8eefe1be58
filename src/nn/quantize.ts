import { dequantize, quantizeFourBit, type FourBitOptions } from '../ops/quantize.ts'
import { isFull } from '../tensor/matrix.ts'
import { Tensor } from '../tensor/tensor.ts'
import { Linear } from './linear.ts'
import type { Module } from './module.ts'

/** How a model is quantised. */
export interface QuantizeOptions extends FourBitOptions {
  /** Linear layers to leave in full precision, by path or by the path's end. Default none. */
  readonly skipModules?: readonly string[]
}

/**
 * Stores the weight of every linear layer in 4 bits, one after another, in place; biases, norms and embeddings stay as
 * they are. Layers that are quantised already are left alone.
 * @returns Paths of the layers it changed.
 * @throws MedAwareError `config` as `quantizeFourBit`, `memory`.
 */
export function quantize(model: Module, { skipModules = [], ...options }: QuantizeOptions = {}): string[] {
  const isSkipped = (path: string) => skipModules.some((name) => path === name || path.endsWith(`.${name}`))
  const changed: string[] = []
  for (const [path, module] of model.namedModules()) {
    if (!(module instanceof Linear) || isSkipped(path)) continue
    const { weight } = module.weights
    if (!(weight instanceof Tensor)) continue
    const { memory } = weight.device
    const full = isFull(weight) ? weight : memory.rooted(() => dequantize(weight))
    try {
      module.weights.weight = memory.rooted(() => quantizeFourBit(full, options))
    } finally {
      if (full !== weight) full.dispose()
    }
    weight.dispose()
    changed.push(path)
  }
  return changed
}
