import { check } from '../core/errors.ts'

/**
 * The largest magnitude among `values[begin]` up to `values[end]`, exclusive.
 * @throws `numeric` for a NaN or infinity, which no scale could hold.
 */
export function largestMagnitude(who: string, values: Float32Array, begin: number, end: number): number {
  let largest = 0
  for (let i = begin; i < end; i++) {
    const magnitude = Math.abs(values[i] as number)
    // Negated, so that NaN takes the branch too.
    if (!(magnitude <= largest)) {
      check(magnitude < Infinity, 'numeric', () => `${who}: values must be finite, found ${values[i]} at index ${i}`)
      largest = magnitude
    }
  }
  return largest
}

/** 1 / absmax in float32; the floor of 1e-38 keeps a block of zeros, or of subnormals, finite as bitsandbytes does. */
export function reciprocal(absmax: number): number {
  return Math.fround(1 / Math.max(absmax, smallestAbsmax))
}

const smallestAbsmax = Math.fround(1e-38)
