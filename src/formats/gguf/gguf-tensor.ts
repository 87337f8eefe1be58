import type { Shape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import { StoredMatrix } from '../../tensor/stored-matrix.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { sharedTable } from '../shared-table.ts'
import { blockLayouts, blockSize, type BlockType } from './block-layouts.ts'

/** The parts of a matrix in a GGUF file's blocks. */
export interface GgufParts {
  readonly type: BlockType
  /** u8: a byte an element in Q8_0, in Q4_0 two elements a byte, the first in its high half. */
  readonly codes: Tensor
  /** f32 [blocks], as `SplitBlocks` has it. */
  readonly absmax: Tensor
}

/** A frozen matrix in blocks of 32 as a GGUF file has them, decoded by the kernels that use it. */
export class GgufTensor extends StoredMatrix {
  constructor(
    shape: Shape,
    readonly parts: GgufParts,
  ) {
    const { type, codes, absmax } = parts
    const { bits } = blockLayouts[type]
    const tables = bits === 4 ? fourBitTable(codes.device) : null
    const one = { nested: null, isBf16: 0, isNested: 0, nestedCount: 0 } as const
    super(
      shape,
      [codes, absmax],
      { codes, absmax, tables, bits, blockSize, ...one },
      { type, blockSize, doubleQuant: false },
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
