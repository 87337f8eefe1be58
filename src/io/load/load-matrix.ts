import type { Device } from '../../device/device.ts'
import { filledTensor } from '../../formats/fill-tensor.ts'
import type { Checkpoint } from '../../formats/format.ts'
import { formatOf } from '../../formats/formats.ts'
import { quantizeMatrix } from '../../formats/quantize-matrix.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import { type Matrix, rootedMatrix } from '../../tensor/matrix.ts'
import { keptWeight } from './kept-weight.ts'
import type { StorageError } from './storage-error.ts'
import { dtypeFor, quantizationFor, type WeightStorage } from './weight-storage.ts'

/** How a weight comes to a device. */
export interface MatrixLoading extends WeightStorage {
  readonly device: Device
  /** Adds up what quantising changes. Default: it is not measured. */
  readonly error?: StorageError | null
}

/**
 * Brings one weight of a checkpoint to the device, as it is stored there already or in the format that the options ask
 * for. It belongs to nobody.
 * @throws MedAwareError `format`, `config`, `numeric`, `unsupported` or `memory`; what was allocated by then is freed.
 */
export async function loadMatrix(checkpoint: Checkpoint, spec: WeightSpec, how: MatrixLoading): Promise<Matrix> {
  const { name, shape } = spec
  const { device, error = null } = how
  const stored = keptWeight(checkpoint, spec, how)
  if (stored !== null) return stored.load(device, shape)
  const options = quantizationFor(spec, how)
  const dtype = options === null ? dtypeFor(spec, how) : 'f32'
  const full = await filledTensor(checkpoint, name, { device, shape, dtype, label: name })
  if (options === null) return full
  try {
    const matrix = rootedMatrix(device, () => quantizeMatrix(full, options))
    try {
      await formatOf(matrix).verify?.(name, matrix)
      await error?.add(full, matrix)
      await device.settle()
      return matrix
    } catch (failure) {
      matrix.dispose()
      throw failure
    }
  } finally {
    full.dispose()
  }
}
