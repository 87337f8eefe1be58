import { type Decode, halfAt } from './half-at.ts'

/** K-quants: blocks of 256 numbers with scales for parts of them, as `gguf/quants.py` decodes them. */
const count = 256
const group = 32

/** Two scales, 8 pairs of 6-bit ones, and codes of four bits; in each 32 bytes two groups of 32. */
export const decodeQ4K: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 144, to += count) {
    for (let g = 0; g < 8; g++) {
      const { scale, least } = pairAt(blocks, at, g)
      const from = at + 16 + (g >> 1) * group
      const shift = (g & 1) * 4
      for (let i = 0; i < group; i++) {
        const code = ((blocks[from + i] as number) >> shift) & 15
        values[to + g * group + i] = scale * code - least
      }
    }
  }
}

/** As above, with the codes' highest bits before them: bit g of 32 bytes for group g. */
export const decodeQ5K: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 176, to += count) {
    for (let g = 0; g < 8; g++) {
      const { scale, least } = pairAt(blocks, at, g)
      const from = at + 48 + (g >> 1) * group
      const shift = (g & 1) * 4
      for (let i = 0; i < group; i++) {
        const high = ((blocks[at + 16 + i] as number) >> g) & 1
        const code = (((blocks[from + i] as number) >> shift) & 15) | (high << 4)
        values[to + g * group + i] = scale * code - least
      }
    }
  }
}

/** Four low bits, two high ones, a signed byte's scale for 16 numbers each, and a scale: code - 32. */
export const decodeQ6K: Decode = (blocks, values) => {
  for (let at = 0, to = 0; to < values.length; at += 210, to += count) {
    const scale = halfAt(blocks, at + 208)
    for (let g = 0; g < 8; g++) {
      const low = at + (g >> 2) * 64 + (g & 1) * group
      const high = at + 128 + (g >> 2) * group
      const [lowShift, highShift] = [((g >> 1) & 1) * 4, (g & 3) * 2]
      for (let i = 0; i < group; i++) {
        const own = ((blocks[at + 192 + g * 2 + (i >> 4)] as number) << 24) >> 24
        const code =
          (((blocks[low + i] as number) >> lowShift) & 15) | ((((blocks[high + i] as number) >> highShift) & 3) << 4)
        // The first product has 19 bits: it is exact in float32 as well.
        values[to + g * group + i] = scale * own * (code - 32)
      }
    }
  }
}

/** Scale and subtrahend of a group: 6 bits each, those of the last four spread over two bytes. */
function pairAt(blocks: Uint8Array, at: number, g: number): { readonly scale: number; readonly least: number } {
  const byte = (i: number) => blocks[at + 4 + i] as number
  const i = g & 3
  const isFirst = g < 4
  const scale = isFirst ? byte(i) & 63 : (byte(8 + i) & 15) | ((byte(i) >> 2) & 48)
  const least = isFirst ? byte(4 + i) & 63 : (byte(8 + i) >> 4) | ((byte(4 + i) >> 2) & 48)
  return { scale: halfAt(blocks, at) * scale, least: halfAt(blocks, at + 2) * least }
}
