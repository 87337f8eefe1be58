import { blockBytes, type BlockForm } from '../../quant/block-forms.ts'
import { halfAt } from '../../gguf/half-at.ts'

/** Blocks of a GGUF file in the parts that kernels read. */
export interface SplitBlocks {
  readonly codes: Uint8Array
  /** Of one f32 a block its scale times 127 for codes of 8 bits, times 8 for those of 4; exact. */
  readonly absmax: Float32Array | Uint16Array | Uint8Array
  readonly nested: Float32Array | Uint16Array | null
}

const blockSize = 32

/** 34 bytes: an f16 scale and 32 signed codes. */
export function splitQ8(blocks: Uint8Array): SplitBlocks {
  const width = 2 + blockSize
  const absmax = new Float32Array(blocks.length / width)
  const codes = new Uint8Array(absmax.length * blockSize)
  for (let i = 0, at = 0; at < blocks.length; i++, at += width) {
    absmax[i] = 127 * halfAt(blocks, at)
    codes.set(blocks.subarray(at + 2, at + width), i * blockSize)
  }
  return { codes, absmax, nested: null }
}

/**
 * 18 bytes: an f16 scale, and codes 0 to 15 for -8 to 7, element i beside element i + 16. Kernels have two elements
 * that follow one another in a byte, the first in its high half.
 */
export function splitQ4(blocks: Uint8Array): SplitBlocks {
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
  return { codes, absmax, nested: null }
}

/** Four bytes' low halves. */
const low = 0x0f0f0f0f

/**
 * Four words of codes, elements as kernels have them, of the eight that begin at `from`: the low halves of their bytes,
 * or the high ones by a `shift` of 4.
 */
export function packLow(words: DataView, from: number, shift: number, codes: DataView, to: number): void {
  for (let j = 0; j < 4; j++) {
    const [first, second] = [words.getUint32(from + 8 * j, true), words.getUint32(from + 8 * j + 4, true)]
    codes.setUint32(to + 4 * j, ((first >>> shift) & low) | (((second >>> shift) & low) << 4), true)
  }
}

/** Bits of a byte, the lowest four in the first bits of four bytes, the others behind them. */
const spread = Uint32Array.from({ length: 256 }, (_, byte) => {
  return [0, 1, 2, 3, 4, 5, 6, 7].reduce((word, i) => word | (((byte >> i) & 1) << ((i % 4) * 8 + (i >> 2))), 0)
})

/**
 * Blocks of 32 with an f16 scale, behind it what is added where `form` has that, the highest bits of codes of 5, and 16
 * bytes of which each has the codes of element i and, above it, of element i + 16.
 */
export const splitPlain = (form: BlockForm) => {
  const { bits, scaling } = form
  const scaleBytes = scaling === 3 ? 4 : 2
  const lowAt = scaleBytes + (bits === 5 ? 4 : 0)
  const width = lowAt + 16
  return (blocks: Uint8Array): SplitBlocks => {
    const count = blocks.length / width
    const bytes = blockBytes(form, count * blockSize)
    const [codes, absmax] = [new Uint8Array(bytes.codes), new Uint8Array(bytes.absmax)]
    const [from, to] = [viewOf(blocks), viewOf(codes)]
    for (let i = 0, at = 0; i < count; i++, at += width) {
      absmax.set(blocks.subarray(at, at + scaleBytes), i * scaleBytes)
      const block = 4 * bits * i
      for (let half = 0; half < 2; half++) {
        for (let j = 0; j < 2; j++) {
          const first = from.getUint32(at + lowAt + 8 * j, true) >>> (4 * half)
          const second = from.getUint32(at + lowAt + 8 * j + 4, true) >>> (4 * half)
          to.setUint32(block + 8 * half + 4 * j, (first & low) | ((second & low) << 4), true)
        }
      }
      if (bits < 5) continue
      let word = 0
      for (let j = 0; j < 4; j++) word |= (spread[blocks[at + scaleBytes + j] as number] as number) << (2 * j)
      to.setUint32(block + 16, word, true)
    }
    return { codes, absmax: new Uint16Array(absmax.buffer), nested: null }
  }
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
