import { number, readArgument, that, whole } from '../core/options.ts'
import { Random } from '../core/random.ts'
import { countOf } from '../core/shape.ts'
import { type Device, deviceRule } from '../device/device.ts'
import { rootedMatrix } from '../tensor/matrix.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { WeightSpec } from './causal-lm.ts'

/**
 * Fresh weights for training from nothing: N(0, std²), zeros or ones, as each spec says; the same for the same seed.
 * @throws MedAwareError `config` for a std that is negative or a seed that is no whole number; `memory`, and then none
 * is left.
 */
export function initialWeights(
  device: Device,
  specs: readonly WeightSpec[],
  std: number,
  seed: number,
): Map<string, Tensor> {
  const who = 'initialWeights'
  readArgument(who, 'device', device, deviceRule)
  readArgument(who, 'specs', specs, aList)
  readArgument(who, 'std', std, number({ from: 0 }))
  readArgument(who, 'seed', seed, whole())
  const weights = new Map<string, Tensor>()
  try {
    for (const [i, { name, shape, init }] of specs.entries()) {
      const random = Random.of(seed, i)
      const value = init === 'normal' ? () => std * random.normal() : () => (init === 'ones' ? 1 : 0)
      const values = Float32Array.from({ length: countOf(shape) }, value)
      weights.set(
        name,
        rootedMatrix(device, () => fromArray(device, values, shape, name)),
      )
    }
  } catch (error) {
    for (const weight of weights.values()) weight.dispose()
    throw error
  }
  return weights
}

const aList = that('what modelWeights gives', (value): value is readonly WeightSpec[] => Array.isArray(value))
