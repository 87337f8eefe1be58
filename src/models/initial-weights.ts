import { Random } from '../core/random.ts'
import { countOf } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { WeightSpec } from './causal-lm.ts'

/** Fresh weights for training from nothing: N(0, std²), zeros or ones, as each spec says; the same for the same seed. */
export function initialWeights(
  device: Device,
  specs: readonly WeightSpec[],
  std: number,
  seed: number,
): Map<string, Tensor> {
  return new Map(
    specs.map(({ name, shape, init }, i) => {
      const random = Random.of(seed, i)
      const value = init === 'normal' ? () => std * random.normal() : () => (init === 'ones' ? 1 : 0)
      const values = Float32Array.from({ length: countOf(shape) }, value)
      return [name, device.memory.rooted(() => fromArray(device, values, shape, name))]
    }),
  )
}
