import type { Shape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import { StoredMatrix } from '../../tensor/stored-matrix.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { sharedTable } from '../shared-table.ts'
import { blockLayouts, type BlockType } from './block-layouts.ts'

/** The parts of a matrix in a GGUF file's blocks. */
export interface GgufParts {
  readonly type: BlockType
  /**
   * u8: a byte an element in Q8_0, in Q4_0 two elements a byte, the first in its high half; of the others as
   * kernels/stored/blocks.as.ts has them.
   */
  readonly codes: Tensor
  /** As `SplitBlocks` has it, f32 or the bytes of what else it is. */
  readonly absmax: Tensor
  readonly nested: Tensor | null
}

/** A frozen matrix in blocks as a GGUF file has them, decoded by the kernels that use it. */
export class GgufTensor extends StoredMatrix {
  override readonly isForTables = true

  constructor(
    shape: Shape,
    readonly parts: GgufParts,
  ) {
    const { type, codes, absmax, nested } = parts
    const { bits, scaling, blockSize, size } = blockLayouts[type]
    const tables = type === 'q4_0' ? fourBitTable(codes.device) : null
    super(
      shape,
      nested === null ? [codes, absmax] : [codes, absmax, nested],
      { codes, absmax, nested, tables, bits, isBf16: 0, blockSize, scaling, nestedCount: 0 },
      { type, blockSize: size, doubleQuant: false },
    )
  }
}

/** Eighths from -1 to 7/8: times eight scales they are ggml's code - 8 times one, to the bit. */
export function eighths(): Float32Array {
  return Float32Array.from({ length: 16 }, (_, code) => (code - 8) / 8)
}

function fourBitTable(device: Device): Tensor {
  return sharedTable(device, 'q4_0 table', eighths)
}
