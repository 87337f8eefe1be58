import { halfAt } from '../../gguf/half-at.ts'

/** Elements of a block of the types that kernels decode. */
export const blockSize = 32

/** Blocks of a GGUF file in the two parts that kernels read. */
export interface SplitBlocks {
  readonly codes: Uint8Array
  /** f32 [blocks]: a block's scale times 127 for codes of 8 bits, times 8 for those of 4; exact. */
  readonly absmax: Float32Array
}

/** A type of blocks that kernels decode as it is. */
export interface BlockLayout {
  /** ggml's name, as a reader's `storedAs` has it. */
  readonly storedAs: string
  /** Of a code. */
  readonly bits: 4 | 8
  split(blocks: Uint8Array): SplitBlocks
}

/** By the name in `StorageRecipe`, which is ggml's in small letters. */
export const blockLayouts = {
  /** 34 bytes: an f16 scale and 32 signed codes (ggml-common.h, block_q8_0). */
  q8_0: { storedAs: 'Q8_0', bits: 8, split: splitQ8 },
  /** 18 bytes: an f16 scale, and codes 0 to 15 for -8 to 7, element i beside element i + 16 (block_q4_0). */
  q4_0: { storedAs: 'Q4_0', bits: 4, split: splitQ4 },
} as const satisfies Record<string, BlockLayout>

export type BlockType = keyof typeof blockLayouts

function splitQ8(blocks: Uint8Array): SplitBlocks {
  const width = 2 + blockSize
  const absmax = new Float32Array(blocks.length / width)
  const codes = new Uint8Array(absmax.length * blockSize)
  for (let i = 0, at = 0; at < blocks.length; i++, at += width) {
    absmax[i] = 127 * halfAt(blocks, at)
    codes.set(blocks.subarray(at + 2, at + width), i * blockSize)
  }
  return { codes, absmax }
}

/** Kernels have two elements that follow one another in a byte, the first in its high half. */
function splitQ4(blocks: Uint8Array): SplitBlocks {
  const half = blockSize / 2
  const width = 2 + half
  const absmax = new Float32Array(blocks.length / width)
  const codes = new Uint8Array(absmax.length * half)
  for (let i = 0, at = 0; at < blocks.length; i++, at += width) {
    absmax[i] = 8 * halfAt(blocks, at)
    for (let j = 0; j < half / 2; j++) {
      const [first, second] = [blocks[at + 2 + 2 * j] as number, blocks[at + 3 + 2 * j] as number]
      codes[i * half + j] = ((first & 15) << 4) | (second & 15)
      codes[i * half + half / 2 + j] = (first & 0xf0) | (second >> 4)
    }
  }
  return { codes, absmax }
}
