import { blockBytes, blockForms } from '../../quant/block-forms.ts'
import { halfAt } from '../../gguf/half-at.ts'
import { packLow, type SplitBlocks, viewOf } from './split-blocks.ts'

/** Groups of 32 of a block of 256, and elements of a block. */
const groups = 8
const size = 256

/** 144 bytes: two f16, eight pairs of 6 bits, and codes, in each 32 bytes two groups of 32 (block_q4_K). */
export function splitK4(blocks: Uint8Array): SplitBlocks {
  return splitPairs(blocks, 'q4_k', 144)
}

/** 176 bytes: the same with the codes' highest bits before them, bit g of 32 bytes for group g (block_q5_K). */
export function splitK5(blocks: Uint8Array): SplitBlocks {
  return splitPairs(blocks, 'q5_k', 176)
}

function splitPairs(blocks: Uint8Array, type: 'q4_k' | 'q5_k', width: number): SplitBlocks {
  const { bits } = blockForms[type]
  const count = blocks.length / width
  const bytes = blockBytes(blockForms[type], count * size)
  const [codes, absmax, nested] = [bytes.codes, bytes.absmax, bytes.nested].map((length) => new Uint8Array(length)) as [
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
  ]
  const [from, to] = [viewOf(blocks), viewOf(codes)]
  const lowAt = width - size / 2
  for (let i = 0, at = 0; i < count; i++, at += width) {
    // What is subtracted is added by kernels: the second f16's sign turns.
    nested.set(blocks.subarray(at, at + 4), 4 * i)
    nested[4 * i + 3] = (blocks[at + 3] as number) ^ 0x80
    for (let g = 0; g < groups; g++) {
      absmax.set(pairOf(blocks, at + 4, g), 2 * (groups * i + g))
      const group = 4 * bits * (groups * i + g)
      packLow(from, at + lowAt + 32 * (g >> 1), 4 * (g & 1), to, group)
      if (bits < 5) continue
      let word = 0
      for (let k = 0; k < 8; k++) word |= ((from.getUint32(at + 16 + 4 * k, true) >>> g) & 0x01010101) << k
      to.setUint32(group + 16, word, true)
    }
  }
  return { codes, absmax, nested: new Uint16Array(nested.buffer) }
}

/** Scale and subtrahend of a group, 6 bits each; those of the last four are spread over two bytes. */
function pairOf(blocks: Uint8Array, at: number, g: number): readonly [number, number] {
  const byte = (i: number) => blocks[at + i] as number
  if (g < 4) return [byte(g) & 63, byte(4 + g) & 63]
  return [(byte(4 + g) & 15) | ((byte(g - 4) >> 2) & 48), (byte(4 + g) >> 4) | ((byte(g) >> 2) & 48)]
}

/** 210 bytes: four low bits, two high ones, a signed byte for each 16 codes, and an f16 scale (block_q6_K). */
export function splitK6(blocks: Uint8Array): SplitBlocks {
  const width = 210
  const count = blocks.length / width
  const bytes = blockBytes(blockForms.q6_k, count * size)
  const [codes, absmax, nested] = [new Uint8Array(bytes.codes), new Uint8Array(bytes.absmax), new Float32Array(count)]
  const [from, to] = [viewOf(blocks), viewOf(codes)]
  for (let i = 0, at = 0; i < count; i++, at += width) {
    nested[i] = halfAt(blocks, at + 208)
    absmax.set(blocks.subarray(at + 192, at + 208), 16 * i)
    for (let g = 0; g < groups; g++) {
      const group = 24 * (groups * i + g)
      packLow(from, at + 64 * (g >> 2) + 32 * (g & 1), 4 * ((g >> 1) & 1), to, group)
      for (let half = 0; half < 2; half++) {
        let word = 0
        for (let k = 0; k < 4; k++) {
          const high = from.getUint32(at + 128 + 32 * (g >> 2) + 16 * half + 4 * k, true)
          word |= ((high >>> (2 * (g & 3))) & 0x03030303) << (2 * k)
        }
        to.setUint32(group + 16 + 4 * half, word, true)
      }
    }
  }
  return { codes, absmax, nested }
}
