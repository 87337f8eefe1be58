import { check } from '../core/errors.ts'
import { f32ToBf16, f32ToF16, findNonFinite } from '../core/float16.ts'
import { show } from '../core/show.ts'
import type { GgufTypeName } from './types.ts'

/**
 * Numbers as the data of a tensor of a type, to the bits of the `gguf` package (gguf/quants.py). Whole rows, of which
 * Q8_0 has blocks of 32 numbers.
 * @param who Begins messages. @param name Of the tensor.
 * @throws MedAwareError `numeric` for a number that the type has not.
 */
export function encodeGguf(who: string, name: string, values: Float32Array, type: GgufTypeName): ArrayBufferView {
  if (type === 'F32') return values
  const { data, scales, exponent } = encoders[type](values)
  const at = findNonFinite(scales, exponent)
  check(at < 0, 'numeric', () => {
    const count = values.length / scales.length
    const own = values.subarray(at * count, (at + 1) * count)
    const odd = own.find((value) => !Number.isFinite(value)) ?? own.reduce((most, value) => largerOf(most, value))
    return `${who}: ${name} has ${show(odd)}, for which ${type} has no number; write it as F32`
  })
  return data
}

/** Data, and its numbers of 16 bits: they, or the scales of blocks, tell of what there is no number for. */
interface Encoded {
  readonly data: ArrayBufferView
  readonly scales: Uint16Array
  /** Bits that are all set in what is no number. */
  readonly exponent: number
}

const encoders: Readonly<Record<Exclude<GgufTypeName, 'F32'>, (values: Float32Array) => Encoded>> = {
  F16: (values) => halves(f32ToF16(values), 0x7c00),
  BF16: (values) => halves(f32ToBf16(values), 0x7f80),
  Q8_0: encodeQ8,
}

function halves(data: Uint16Array, exponent: number): Encoded {
  return { data, scales: data, exponent }
}

/** ggml's quantize_row_q8_0_ref: a scale of the largest / 127 in f16, and codes by that scale in f32, half up. */
function encodeQ8(values: Float32Array): Encoded {
  const count = values.length / 32
  const blocks = new Uint8Array(count * 34)
  const codes = new Int8Array(blocks.buffer)
  const exact = new Float32Array(count)
  for (let block = 0; block < count; block++) {
    const from = 32 * block
    let largest = 0
    for (let i = from; i < from + 32; i++) {
      const size = Math.abs(values[i] as number)
      if (size > largest || Number.isNaN(size)) largest = size
    }
    exact[block] = largest / 127
    const inverse = Math.fround(1 / (exact[block] as number))
    // A scale too small to be inverted is 0 in f16.
    if (inverse === Infinity) continue
    for (let i = 0, to = 34 * block + 2; i < 32; i++) {
      const value = Math.fround((values[from + i] as number) * inverse)
      const size = Math.abs(value)
      const whole = Math.floor(size)
      const rounded = whole + Math.floor(2 * (size - whole))
      codes[to + i] = value < 0 ? -rounded : rounded
    }
  }
  const scales = f32ToF16(exact)
  for (let block = 0; block < count; block++) {
    blocks[34 * block] = (scales[block] as number) & 255
    blocks[34 * block + 1] = (scales[block] as number) >> 8
  }
  return { data: blocks, scales, exponent: 0x7c00 }
}

function largerOf(a: number, b: number): number {
  return Math.abs(b) > Math.abs(a) ? b : a
}
