import { check } from '../core/errors.ts'
import { arrayOf, number, type OptionRules, readArgument, readOptions } from '../core/options.ts'
import { largestMagnitude, reciprocal } from './block-scale.ts'
import { dynamicMap } from './dynamic-map.ts'

/** Scales that share one float32 scale of their own; the only value bitsandbytes' matmul takes. */
export const nestedBlockSize = 256

/** Block scales in 8 bits (QLoRA's double quantisation): `map[codes[i]] * nestedAbsmax[i >> 8] + offset`. */
export interface NestedAbsmax {
  /** One index into `dynamicMap(true)` a block. */
  readonly codes: Uint8Array
  /** `ceil(codes.length / 256)` float32 scales. */
  readonly nestedAbsmax: Float32Array
  /** The mean scale, a float32 number. */
  readonly offset: number
}

const map = dynamicMap(true)
const midpoints = Float32Array.from({ length: 255 }, (_, i) => {
  return Math.fround((map[i] as number) + (map[i + 1] as number)) / 2
})

/**
 * Quantises the float32 scales of `quantizeFourBit` to 8 bits: less their mean, in blocks of 256, to the nearest value
 * of the signed dynamic map (a tie goes to the lower one, as in bitsandbytes' default backend; other backends of
 * bitsandbytes may be one code off next to a midpoint).
 * @throws `config` for what is no Float32Array, `numeric` for a NaN or infinity.
 */
export function quantizeAbsmax(absmax: Float32Array): NestedAbsmax {
  readArgument('quantizeAbsmax', 'absmax', absmax, arrayOf(Float32Array))
  let sum = 0
  for (const scale of absmax) sum += scale
  const offset = absmax.length === 0 ? 0 : Math.fround(sum / absmax.length)
  const centred = absmax.map((scale) => scale - offset)
  const codes = new Uint8Array(absmax.length)
  const nestedAbsmax = new Float32Array(Math.ceil(absmax.length / nestedBlockSize))
  for (let block = 0; block < nestedAbsmax.length; block++) {
    const begin = block * nestedBlockSize
    const end = Math.min(begin + nestedBlockSize, absmax.length)
    const largest = largestMagnitude('quantizeAbsmax', centred, begin, end)
    nestedAbsmax[block] = largest
    const scale = reciprocal(largest)
    for (let i = begin; i < end; i++) codes[i] = rankOf(Math.fround((centred[i] as number) * scale))
  }
  return { codes, nestedAbsmax, offset }
}

/**
 * The float32 block scales that `nested` stands for.
 * @throws `config` for arrays of another kind or no offset, `shape` when there is not one nested scale for each 256
 * codes.
 */
export function dequantizeAbsmax(nested: NestedAbsmax): Float32Array {
  const who = 'dequantizeAbsmax'
  const { codes, nestedAbsmax, offset } = readOptions(who, nested, rules)
  readArgument(who, 'codes', codes, rules.codes)
  readArgument(who, 'nestedAbsmax', nestedAbsmax, rules.nestedAbsmax)
  readArgument(who, 'offset', offset, rules.offset)
  check(
    nestedAbsmax.length === Math.ceil(codes.length / nestedBlockSize),
    'shape',
    () =>
      `${who}: ${codes.length} codes need ${Math.ceil(codes.length / nestedBlockSize)} nested scales, ` +
      `got ${nestedAbsmax.length}`,
  )
  return Float32Array.from(codes, (code, i) => {
    return Math.fround((map[code] as number) * (nestedAbsmax[Math.floor(i / nestedBlockSize)] as number)) + offset
  })
}

const rules: OptionRules<NestedAbsmax> = {
  codes: arrayOf(Uint8Array),
  nestedAbsmax: arrayOf(Float32Array),
  offset: number(),
}

/** How many of the 255 midpoints lie below x: eight comparisons. */
function rankOf(x: number): number {
  let rank = 0
  for (let step = 128; step > 0; step >>= 1) {
    if (x > (midpoints[rank + step - 1] as number)) rank += step
  }
  return rank
}
