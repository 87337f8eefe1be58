import type { Device } from '../device/device.ts'
import { countOf, type Shape } from '../core/shape.ts'
import type { Tensor } from './tensor.ts'

/** The parts an int8 tensor is stored as: element [row, column] is codes · scale[row] / 127. */
export interface Int8Parts {
  /** The bytes of i8 [rows, columns] in [-127, 127]; bitsandbytes' CB. */
  readonly codes: Tensor
  /** f32 [rows], the largest magnitude of each row; bitsandbytes' SCB. */
  readonly scale: Tensor
}

/** A frozen matrix in LLM.int8's storage (arXiv 2208.07339), decoded by the kernels that use it and never expanded in full. */
export class Int8Tensor {
  readonly requiresGrad = false

  constructor(
    readonly shape: Shape,
    readonly parts: Int8Parts,
  ) {}

  get device(): Device {
    return this.parts.codes.device
  }

  /** Number of elements. */
  get count(): number {
    return countOf(this.shape)
  }

  /** The tensors that are its own. */
  get tensors(): readonly Tensor[] {
    return [this.parts.codes, this.parts.scale]
  }

  /** Bytes it takes. */
  get byteLength(): number {
    return this.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  dispose(): void {
    for (const tensor of this.tensors) tensor.dispose()
  }
}
