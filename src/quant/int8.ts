import { check } from '../core/errors.ts'
import { f16ToF32, f32ToF16 } from '../core/float16.ts'
import { arrayOf, type OptionRules, readArgument, readOptions } from '../core/options.ts'
import { largestMagnitude } from './block-scale.ts'

/** An LLM.int8 weight (Dettmers et al. 2022, arXiv 2208.07339): `codes[row, col] * scale[row] / 127`. */
export interface Int8Rows {
  /** `rows * cols` codes in [-127, 127], row-major; bitsandbytes' `CB`. */
  readonly codes: Int8Array
  /** The largest magnitude in each row, float32; bitsandbytes' `SCB`. */
  readonly scale: Float32Array
}

/**
 * Quantises a `[rows, cols]` weight row by row as bitsandbytes' `Int8Params` does: the weight is rounded to float16
 * first, then `round_half_even(w * (127 * (1 / scale)))`, each step in float32, as torch divides a number by a tensor.
 * A row of zeros gets codes and scale 0.
 * @throws `config` for what is no Float32Array, `shape` when `values` is not rows * cols, `numeric` for what is not
 * finite in float16.
 */
export function quantizeInt8(values: Float32Array, rows: number, cols: number): Int8Rows {
  readArgument('quantizeInt8', 'values', values, arrayOf(Float32Array))
  checkSize('quantizeInt8', values.length, rows, cols)
  const codes = new Int8Array(values.length)
  const scale = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const begin = row * cols
    const weights = f16ToF32(f32ToF16(values.subarray(begin, begin + cols)))
    const largest = largestMagnitude(`quantizeInt8 (row ${row}, as float16)`, weights, 0, cols)
    scale[row] = largest
    if (largest === 0) continue
    const factor = Math.fround(127 * Math.fround(1 / largest))
    for (let col = 0; col < cols; col++) {
      codes[begin + col] = roundHalfEven(Math.fround((weights[col] as number) * factor))
    }
  }
  return { codes, scale }
}

/**
 * The `[rows, cols]` float32 weight that `codes` and `scale` stand for, multiplied in bitsandbytes' order
 * (_ops.py, `int8_vectorwise_dequant`); `rows` is the number of scales.
 * @throws `config` for arrays of another kind, such as codes that were read as bytes without a sign; `shape` when the
 * codes are not whole rows.
 */
export function dequantizeInt8(weight: Int8Rows): Float32Array {
  const { codes, scale } = readOptions('dequantizeInt8', weight, rules)
  readArgument('dequantizeInt8', 'codes', codes, rules.codes)
  readArgument('dequantizeInt8', 'scale', scale, rules.scale)
  const cols = scale.length === 0 ? 0 : codes.length / scale.length
  checkSize('dequantizeInt8', codes.length, scale.length, cols)
  return Float32Array.from(codes, (code, i) => {
    return Math.fround(code * (scale[Math.floor(i / cols)] as number)) * oneOver127
  })
}

const rules: OptionRules<Int8Rows> = { codes: arrayOf(Int8Array), scale: arrayOf(Float32Array) }

const oneOver127 = Math.fround(7.874015718698502e-3)

function roundHalfEven(x: number): number {
  const nearest = Math.round(x)
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest
}

function checkSize(who: string, length: number, rows: number, cols: number): void {
  check(
    Number.isInteger(cols) && length === rows * cols,
    'shape',
    () => `${who}: ${length} values do not fill ${rows} rows of ${cols}`,
  )
}
