import {
  dequantizeAbsmax,
  dequantizeFourBit,
  type FourBitType,
  quantizeAbsmax,
  quantizeFourBit,
} from 'peft-medaware/quant'

/** How a matrix is stored. */
export interface QuantiseSettings {
  readonly type: FourBitType
  /** Neighbours that share a scale. */
  readonly blockSize: number
  /** Whether the scales are stored in 8 bits as well. */
  readonly doubleQuant: boolean
}

/** Stores a matrix in 4 bits: what is left of its numbers, and the bytes that they take. */
export function quantise(values: Float32Array, { type, blockSize, doubleQuant }: QuantiseSettings) {
  const { codes, absmax } = quantizeFourBit(values, { type, blockSize })
  const nested = doubleQuant ? quantizeAbsmax(absmax) : null
  const scales = nested === null ? absmax : dequantizeAbsmax(nested)
  const restored = dequantizeFourBit({ codes, absmax: scales, count: values.length, type, blockSize })
  const scaleBytes = nested === null ? absmax.byteLength : nested.codes.length + nested.nestedAbsmax.byteLength + 4
  return { restored, bytes: codes.length + scaleBytes }
}
