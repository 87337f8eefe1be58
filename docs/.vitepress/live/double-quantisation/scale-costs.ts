import {
  dequantizeAbsmax,
  dequantizeFourBit,
  nestedBlockSize,
  quantizeAbsmax,
  quantizeFourBit,
} from 'peft-medaware/quant'
import { errorOf } from '../nf4/quantisation-errors.ts'

/** Bytes of one weight by what they are for. */
export interface WeightBytes {
  /** Its code of 4 bits. */
  readonly codes: number
  /** Its share of its block's scale. */
  readonly scales: number
  /** Its share of the scale of 256 scales; 0 without double quantisation. */
  readonly nested: number
}

/** What a weight takes in blocks of `blockSize`; the one offset of a matrix is left out. */
export function weightBytes(blockSize: number, isDouble: boolean): WeightBytes {
  if (!isDouble) return { codes: 0.5, scales: 4 / blockSize, nested: 0 }
  return { codes: 0.5, scales: 1 / blockSize, nested: 4 / (blockSize * nestedBlockSize) }
}

/** What double quantisation does to NF4 of some weights, as shares. */
export interface DoubleErrors {
  /** RMS error of the scales. */
  readonly scales: number
  /** RMS error of the weights with scales in 32 bits. */
  readonly once: number
  /** RMS error of the weights with scales in 8 bits. */
  readonly twice: number
}

export function doubleErrors(weights: Float32Array, blockSize: number): DoubleErrors {
  const { codes, absmax } = quantizeFourBit(weights, { type: 'nf4', blockSize })
  const recovered = dequantizeAbsmax(quantizeAbsmax(absmax))
  const errorWith = (scales: Float32Array) => {
    const stored = dequantizeFourBit({ codes, absmax: scales, count: weights.length, type: 'nf4', blockSize })
    return errorOf(weights, stored).rms
  }
  return { scales: errorOf(absmax, recovered).rms, once: errorWith(absmax), twice: errorWith(recovered) }
}
