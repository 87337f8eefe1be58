import { check } from '../core/errors.ts'
import {
  type Aliases,
  arrayOf,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  that,
  whole,
} from '../core/options.ts'
import { largestMagnitude, reciprocal } from './block-scale.ts'

/** The two 4-bit formats of bitsandbytes: NormalFloat (QLoRA, arXiv 2305.14314) and a sign-exponent-mantissa float. */
export type FourBitType = 'nf4' | 'fp4'

/** A tensor in 4 bits: two codes a byte, the earlier element in the high nibble, and one float32 scale a block. */
export interface FourBitBlocks {
  /** `ceil(count / 2)` bytes. */
  readonly codes: Uint8Array
  /** `ceil(count / blockSize)` scales: the largest magnitude in each block. */
  readonly absmax: Float32Array
}

/** Elements that may share a scale, as bitsandbytes allows (functional.py, `quantize_4bit`). */
export const fourBitBlockSizes: readonly number[] = [32, 64, 128, 256, 512, 1024, 2048, 4096]

/**
 * bitsandbytes functional.py, `get_4bit_type`: NF4 in order of value, FP4 in order of its bit pattern (8 is the sign).
 */
const codeValues: Readonly<Record<FourBitType, Float32Array>> = {
  nf4: Float32Array.of(
    ...[-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
    ...[-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725],
    ...[0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0],
  ),
  fp4: Float32Array.from(
    [0, 0.0625, 8, 12, 4, 6, 2, 3, 0, -0.0625, -8, -12, -4, -6, -2, -3],
    (value) => Math.fround(value) / 12,
  ),
}

/** How values are put into 4 bits. */
export interface FourBitOptions {
  readonly type: FourBitType
  /** Elements that share a scale: 32 to 4096, a power of 2. Default 64. */
  readonly blockSize?: number | undefined
}

const typeRule = oneOf(['nf4', 'fp4'])
const optionRules: OptionRules<FourBitOptions> = {
  type: typeRule,
  blockSize: that(`one of ${fourBitBlockSizes.join(', ')}`, (value): value is number => {
    return fourBitBlockSizes.some((size) => size === value)
  }),
}
const blockRules: OptionRules<FourBitBlocks & FourBitOptions & { count: number }> = {
  ...optionRules,
  codes: arrayOf(Uint8Array),
  absmax: arrayOf(Float32Array),
  count: whole({ from: 0 }),
}

/** bitsandbytes' names. */
const aliases: Aliases<FourBitOptions> = { quant_type: 'type', bnb_4bit_quant_type: 'type' }

/** The 16 float32 values of `type`, by code, all in [-1, 1]. @throws MedAwareError `config` for another type. */
export function fourBitCode(type: FourBitType): Float32Array {
  return codeValues[readArgument('fourBitCode', 'type', type, typeRule)].slice()
}

/**
 * How a normalised value becomes a code: `codes[number of thresholds below x]`, strictly below, so that a tie goes to
 * the lower value. `thresholds` are the 15 midpoints of the sorted values, `codes` the 16 codes in that order. FP4 has
 * zero twice, as codes 0 and 8: as in bitsandbytes' default backend, 8 stands above, for small positive values.
 * @throws MedAwareError `config` for another type.
 */
export function fourBitDecision(type: FourBitType): { thresholds: Float32Array; codes: Uint8Array } {
  const values = codeValues[readArgument('fourBitDecision', 'type', type, typeRule)]
  const codes = Uint8Array.from(values.keys()).sort((a, b) => at(values, a) - at(values, b) || a - b)
  const thresholds = Float32Array.from({ length: 15 }, (_, i) => {
    return Math.fround(at(values, at(codes, i)) + at(values, at(codes, i + 1))) / 2
  })
  return { thresholds, codes }
}

/**
 * Quantises `values` block by block, blocks being runs of `blockSize` consecutive elements (default 64); a shorter last
 * block has its own scale, an odd count is padded with a zero. Follows bitsandbytes (kernels.cu, `kQuantizeBlockwise`):
 * each value times the float32 reciprocal of its block's largest magnitude, then `fourBitDecision`. A block of zeros
 * gets the code of zero and absmax 0.
 * @throws `config` for what is no Float32Array, a type or block size bitsandbytes does not have, or an unknown option;
 * `numeric` for a NaN or infinity.
 */
export function quantizeFourBit(values: Float32Array, options: FourBitOptions): FourBitBlocks {
  const who = 'quantizeFourBit'
  const { type, blockSize = 64 } = readOptions(who, options, optionRules, aliases)
  readArgument(who, 'values', values, arrayOf(Float32Array))
  const { thresholds, codes: order } = fourBitDecision(readArgument(who, 'type', type, typeRule))
  const count = values.length
  const absmax = new Float32Array(Math.ceil(count / blockSize))
  const codes = new Uint8Array(Math.ceil(count / 2))
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * blockSize
    const end = Math.min(begin + blockSize, count)
    const largest = largestMagnitude(who, values, begin, end)
    absmax[block] = largest
    const scale = reciprocal(largest)
    for (let i = begin; i < end; i++) {
      const x = Math.fround((values[i] as number) * scale)
      const code = order[rankOf(x, thresholds)] as number
      codes[i >> 1] = i & 1 ? (codes[i >> 1] as number) | code : code << 4
    }
  }
  if (count & 1) codes[count >> 1] = at(codes, count >> 1) | at(order, rankOf(0, thresholds))
  return { codes, absmax }
}

/**
 * The `count` float32 values that `codes` and `absmax` stand for: value of the code times the block's scale, in
 * float32 (bitsandbytes kernels.cu, `kDequantizeBlockwise`).
 * @throws `config` for arrays of another kind, an unknown type, block size or option, `shape` when the arrays do not
 * fit `count`.
 */
export function dequantizeFourBit(blocks: FourBitBlocks & FourBitOptions & { readonly count: number }): Float32Array {
  const who = 'dequantizeFourBit'
  const { codes, absmax, count, type, blockSize = 64 } = readOptions(who, blocks, blockRules, aliases)
  readArgument(who, 'codes', codes, blockRules.codes)
  readArgument(who, 'absmax', absmax, blockRules.absmax)
  readArgument(who, 'count', count, blockRules.count)
  readArgument(who, 'type', type, typeRule)
  check(
    codes.length === Math.ceil(count / 2) && absmax.length === Math.ceil(count / blockSize),
    'shape',
    () =>
      `${who}: ${count} values in blocks of ${blockSize} need ${Math.ceil(count / 2)} code bytes and ` +
      `${Math.ceil(count / blockSize)} scales, got ${codes.length} and ${absmax.length}`,
  )
  const table = codeValues[type]
  const values = new Float32Array(count)
  for (let block = 0; block < absmax.length; block++) {
    const scale = absmax[block] as number
    const end = Math.min((block + 1) * blockSize, count)
    for (let i = block * blockSize; i < end; i++) {
      const pair = codes[i >> 1] as number
      values[i] = (table[i & 1 ? pair & 15 : pair >> 4] as number) * scale
    }
  }
  return values
}

/** How many of 15 sorted thresholds lie below x: four comparisons. */
function rankOf(x: number, thresholds: Float32Array): number {
  let rank = x > (thresholds[7] as number) ? 8 : 0
  if (x > (thresholds[rank + 3] as number)) rank += 4
  if (x > (thresholds[rank + 1] as number)) rank += 2
  return x > (thresholds[rank] as number) ? rank + 1 : rank
}

function at(values: Float32Array | Uint8Array, index: number): number {
  return values[index] as number
}
