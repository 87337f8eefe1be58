import type { Params } from '../../register/param-type.ts'

/**
 * Storage formats of weights: bits an element, whether 16 are those of a bf16, and whether they are GGUF's blocks of 4
 * to 6 bits.
 */
export const storedFormats = [
  { BITS: 4, IS_BF16: 0, IN_BLOCKS: 0 },
  { BITS: 8, IS_BF16: 0, IN_BLOCKS: 0 },
  { BITS: 16, IS_BF16: 0, IN_BLOCKS: 0 },
  { BITS: 16, IS_BF16: 1, IN_BLOCKS: 0 },
  { BITS: 4, IS_BF16: 0, IN_BLOCKS: 1 },
  { BITS: 5, IS_BF16: 0, IN_BLOCKS: 1 },
  { BITS: 6, IS_BF16: 0, IN_BLOCKS: 1 },
] as const

/** One of them, or f32. */
export interface StoredFormat {
  readonly BITS: number
  readonly IS_BF16: number
  readonly IN_BLOCKS: number
}

/** Whether a call's weight is in GGUF's blocks of 4 to 6 bits. */
export function isInBlocks(params: Params): boolean {
  return (params['scaling'] ?? 0) > 1
}

/** Whether a call's weight is in a format. */
export function isFormat({ BITS, IS_BF16, IN_BLOCKS }: StoredFormat, params: Params): boolean {
  return params['bits'] === BITS && params['isBf16'] === IS_BF16 && isInBlocks(params) === (IN_BLOCKS === 1)
}
