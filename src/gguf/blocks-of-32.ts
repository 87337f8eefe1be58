import { type Decode, halfAt } from './half-at.ts'

/** Blocks of 32 numbers, as `gguf/quants.py` decodes them; all that is rounded is what a Float32Array rounds. */
const count = 32
const half = 16

/** A scale and 32 signed bytes. */
export const decodeQ8: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 34, to += count) {
    const scale = halfAt(blocks, at)
    for (let i = 0; i < count; i++) values[to + i] = (((blocks[at + 2 + i] as number) << 24) >> 24) * scale
  }
}

/** A scale and 16 bytes of two codes each, the first half in the low bits: code - 8. */
export const decodeQ4Symmetric: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 18, to += count) {
    const scale = halfAt(blocks, at)
    for (let i = 0; i < half; i++) {
      const codes = blocks[at + 2 + i] as number
      values[to + i] = scale * ((codes & 15) - 8)
      values[to + half + i] = scale * ((codes >> 4) - 8)
    }
  }
}

/** A scale, what is added, and codes as above. */
export const decodeQ4: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 20, to += count) {
    const [scale, least] = [halfAt(blocks, at), halfAt(blocks, at + 2)]
    for (let i = 0; i < half; i++) {
      const codes = blocks[at + 4 + i] as number
      values[to + i] = scale * (codes & 15) + least
      values[to + half + i] = scale * (codes >> 4) + least
    }
  }
}

/** A scale, 32 highest bits, and the codes' four lower ones: code - 16. */
export const decodeQ5Symmetric: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 22, to += count) {
    const scale = halfAt(blocks, at)
    for (let i = 0; i < half; i++) {
      const codes = blocks[at + 6 + i] as number
      values[to + i] = scale * (((codes & 15) | fifthBit(blocks, at + 2, i)) - 16)
      values[to + half + i] = scale * (((codes >> 4) | fifthBit(blocks, at + 2, half + i)) - 16)
    }
  }
}

/** A scale, what is added, and codes of five bits. */
export const decodeQ5: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 24, to += count) {
    const [scale, least] = [halfAt(blocks, at), halfAt(blocks, at + 2)]
    for (let i = 0; i < half; i++) {
      const codes = blocks[at + 8 + i] as number
      values[to + i] = scale * ((codes & 15) | fifthBit(blocks, at + 4, i)) + least
      values[to + half + i] = scale * ((codes >> 4) | fifthBit(blocks, at + 4, half + i)) + least
    }
  }
}

/** The highest bit of the code `i`, in its place. */
function fifthBit(blocks: Uint8Array, at: number, i: number): number {
  return (((blocks[at + (i >> 3)] as number) >> (i & 7)) & 1) << 4
}
