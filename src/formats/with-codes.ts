import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { rootedMatrix } from '../tensor/matrix.ts'
import type { StoredMatrix } from '../tensor/stored-matrix.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { filledTensor } from './fill-tensor.ts'
import type { Checkpoint } from './format.ts'

/** Codes of a checkpoint, in bytes, and what they are called on the device. */
export interface CodesToRead {
  readonly name: string
  readonly shape: Shape
  readonly label: string
}

/**
 * A matrix that belongs to nobody, made of its codes, which are brought to the device slice by slice as they are. Where
 * `make` throws, all is freed.
 * @throws MedAwareError as the reader, `memory`, or what `make` throws.
 */
export async function withCodes<M extends StoredMatrix>(
  device: Device,
  checkpoint: Checkpoint,
  { name, shape, label }: CodesToRead,
  make: (codes: Tensor) => M,
): Promise<M> {
  const codes = await filledTensor(checkpoint, name, { device, shape, dtype: 'u8', label })
  try {
    return rootedMatrix(device, () => make(codes))
  } catch (error) {
    codes.dispose()
    throw error
  }
}
