import type { Shape } from '../../core/shape.ts'
import { StoredMatrix } from '../../tensor/stored-matrix.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** The parts an int8 tensor is stored as: element [row, column] is codes · scale[row] / 127. */
export interface Int8Parts {
  /** The bytes of i8 [rows, columns] in [-127, 127]; bitsandbytes' CB. */
  readonly codes: Tensor
  /** f32 [rows], the largest magnitude of each row; bitsandbytes' SCB. */
  readonly scale: Tensor
}

/**
 * A frozen matrix in LLM.int8's storage (arXiv 2208.07339), decoded by the kernels that use it and never expanded in
 * full.
 */
export class Int8Tensor extends StoredMatrix {
  constructor(
    shape: Shape,
    readonly parts: Int8Parts,
  ) {
    const { codes, scale } = parts
    const oneScale = { nested: null, tables: null, isBf16: 0, scaling: 0, nestedCount: 0 } as const
    super(
      shape,
      [codes, scale],
      { codes, absmax: scale, bits: 8, blockSize: shape.at(-1) ?? 1, ...oneScale },
      { type: 'int8', blockSize: null, doubleQuant: false },
    )
  }
}
