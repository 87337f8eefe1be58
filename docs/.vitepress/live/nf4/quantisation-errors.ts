import {
  dequantizeFourBit,
  dequantizeInt8,
  fourBitDecision,
  type FourBitType,
  quantizeFourBit,
  quantizeInt8,
} from 'peft-medaware/quant'

/** The formats that are compared. */
export type FormatName = 'NF4' | 'FP4' | '4 bits, even steps' | 'int8'

/** What a format loses of numbers. */
export interface FormatError {
  readonly format: FormatName
  /** Of a number, its share of a scale in 32 bits included. */
  readonly bits: number
  /** Root of the mean squared error, as a share of that of the numbers. */
  readonly rms: number
  /** Largest error, as a share of the largest number. */
  readonly worst: number
}

/** What each format loses of `values` in blocks of `blockSize` that share a scale. */
export function formatErrors(values: Float32Array, blockSize: number): FormatError[] {
  const stored: readonly (readonly [FormatName, number, Float32Array])[] = [
    ['NF4', 4, fourBits(values, 'nf4', blockSize)],
    ['FP4', 4, fourBits(values, 'fp4', blockSize)],
    ['4 bits, even steps', 4, evenSteps(values, blockSize)],
    ['int8', 8, eightBits(values, blockSize)],
  ]
  return stored.map(([format, bits, approximate]) => ({
    format,
    bits: bits + 32 / blockSize,
    ...errorOf(values, approximate),
  }))
}

/** How far `approximate` is from `values`, as shares; 0 for numbers that are all 0. */
export function errorOf(values: Float32Array, approximate: Float32Array): { rms: number; worst: number } {
  let [squares, errors, largest, worst] = [0, 0, 0, 0]
  for (const [i, value] of values.entries()) {
    const error = (approximate[i] ?? NaN) - value
    squares += value * value
    errors += error * error
    largest = Math.max(largest, Math.abs(value))
    worst = Math.max(worst, Math.abs(error))
  }
  return squares === 0 ? { rms: 0, worst: 0 } : { rms: Math.sqrt(errors / squares), worst: worst / largest }
}

function fourBits(values: Float32Array, type: FourBitType, blockSize: number): Float32Array {
  const blocks = quantizeFourBit(values, { type, blockSize })
  return dequantizeFourBit({ ...blocks, count: values.length, type, blockSize })
}

/** The 15 levels -7 to 7 of the largest magnitude over 7: what whole numbers of 4 bits give. */
function evenSteps(values: Float32Array, blockSize: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let begin = 0; begin < values.length; begin += blockSize) {
    const block = values.subarray(begin, begin + blockSize)
    const scale = block.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 7
    for (const [i, value] of block.entries()) out[begin + i] = scale === 0 ? 0 : Math.round(value / scale) * scale
  }
  return out
}

/** LLM.int8 with a block for a row; a shorter last one is filled up with zeros, which change no scale. */
function eightBits(values: Float32Array, blockSize: number): Float32Array {
  const rows = Math.ceil(values.length / blockSize)
  const padded = new Float32Array(rows * blockSize)
  padded.set(values)
  return dequantizeInt8(quantizeInt8(padded, rows, blockSize)).subarray(0, values.length)
}

/** How often each of the 16 levels is taken, as shares, from the lowest level to the highest. */
export function levelShares(values: Float32Array, type: FourBitType, blockSize: number): number[] {
  const { codes } = quantizeFourBit(values, { type, blockSize })
  const counts = new Array<number>(16).fill(0)
  for (let i = 0; i < values.length; i++) {
    const pair = codes[i >> 1] ?? 0
    const code = i & 1 ? pair & 15 : pair >> 4
    counts[code] = (counts[code] ?? 0) + 1
  }
  return [...fourBitDecision(type).codes].map((code) => (counts[code] ?? 0) / values.length)
}
