import type { DryDevice } from '../../device/dry-device.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import type { Weight } from '../../nn/module.ts'
import { optionsOf, quantizeMatrix } from '../../formats/quantize-matrix.ts'
import type { StorageRecipe } from '../../tensor/stored-matrix.ts'
import { empty, Tensor } from '../../tensor/tensor.ts'
import { dtypeFor, quantizationFor, type WeightStorage } from '../load/weight-storage.ts'

/** How weights of a checkpoint stay stored, by name. */
export type KeptRecipes = ReadonlyMap<string, StorageRecipe>

/**
 * Weights of the given shapes on a dry device, stored as `loadModel` stores them.
 * @param bytesOf Bytes of a weight that stays as the checkpoint has it; such a weight is not in the result.
 * Default: none is.
 * @param kept Weights that stay as the checkpoint has them, and are in the result. Default: none.
 */
export function dryWeights(
  device: DryDevice,
  specs: readonly WeightSpec[],
  storage: WeightStorage,
  bytesOf: (spec: WeightSpec) => number | undefined = () => undefined,
  kept: KeptRecipes = new Map(),
): Map<string, Weight> {
  const weights = new Map<string, Weight>()
  for (const spec of specs) {
    const bytes = bytesOf(spec)
    if (bytes === undefined) weights.set(spec.name, dryWeight(device, spec, storage, kept.get(spec.name)))
    else device.memory.allocate(bytes, spec.name)
  }
  return weights
}

/** What stays stored comes without its numbers, which would be the largest buffer of all. */
const noNumbers = { byteLength: 0, label: 'no numbers', writes: 0, owner: null }

function dryWeight(device: DryDevice, spec: WeightSpec, storage: WeightStorage, kept?: StorageRecipe): Weight {
  const { name, shape } = spec
  if (kept !== undefined) return quantizeMatrix(new Tensor(device, shape, 'f32', noNumbers), optionsOf(kept))
  const quantization = quantizationFor(spec, storage)
  if (quantization === null) return empty(device, shape, name, dtypeFor(spec, storage))
  const full = empty(device, shape, name)
  const weight = quantizeMatrix(full, quantization)
  full.dispose()
  return weight
}
