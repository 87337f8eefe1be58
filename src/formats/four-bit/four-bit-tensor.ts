import type { Shape } from '../../core/shape.ts'
import type { FourBitType } from '../../quant/four-bit.ts'
import { StoredMatrix } from '../../tensor/stored-matrix.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** The parts a 4-bit tensor is stored as; see bitsandbytes/functional.py, QuantState. */
export interface FourBitParts {
  readonly type: FourBitType
  /** Elements that share one maximum. */
  readonly blockSize: number
  /** u8 [ceil(count/2)], the first element of each pair in the high nibble. */
  readonly codes: Tensor
  /** u8 [blocks] codes of the maxima if double-quantised, else their f32 values. */
  readonly absmax: Tensor
  /** f32 [ceil(blocks/256) + 1]: maxima of the maxima and, last, the offset; `null` without double quantisation. */
  readonly nested: Tensor | null
  /**
   * The dtype that bitsandbytes noted of the weight, of one that came quantised; it says nothing of how it computes.
   */
  readonly sourceDType?: 'float32' | 'float16' | 'bfloat16'
  /** f32 [272]: the 16 code values and the 256 of the dynamic map; shared by all tensors of a device and type. */
  readonly tables: Tensor
}

/** A frozen matrix in 4 bits, decoded by the kernels that use it and never expanded in full. */
export class FourBitTensor extends StoredMatrix {
  constructor(
    shape: Shape,
    readonly parts: FourBitParts,
  ) {
    const { type, blockSize, codes, absmax, nested, tables } = parts
    const double = { scaling: nested === null ? 0 : 1, nestedCount: nested === null ? 0 : nested.count - 1 } as const
    super(
      shape,
      nested === null ? [codes, absmax] : [codes, absmax, nested],
      { codes, absmax, nested, tables, bits: 4, isBf16: 0, blockSize, ...double },
      { type, blockSize, doubleQuant: nested !== null },
    )
  }
}
