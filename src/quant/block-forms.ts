/** How kernels are given GGUF's blocks of 4 to 6 bits, in the words of `Storage` (tensor/stored-matrix.ts). */
export interface BlockForm {
  readonly bits: 4 | 5 | 6
  readonly scaling: 2 | 3 | 4 | 5
  /** Elements that share a scale. */
  readonly blockSize: 16 | 32
}

/** By ggml's names in small letters. */
export const blockForms = {
  q4_1: { bits: 4, scaling: 3, blockSize: 32 },
  q5_0: { bits: 5, scaling: 2, blockSize: 32 },
  q5_1: { bits: 5, scaling: 3, blockSize: 32 },
  q4_k: { bits: 4, scaling: 5, blockSize: 32 },
  q5_k: { bits: 5, scaling: 5, blockSize: 32 },
  q6_k: { bits: 6, scaling: 4, blockSize: 16 },
} as const satisfies Record<string, BlockForm>

export type BlockFormName = keyof typeof blockForms

/** Elements that share a number of `nested`, where there is any. */
export const nestedSize = 256

/** Bytes of absmax a block, by scaling. */
export const absmaxBytes = [4, 1, 2, 4, 1, 2] as const

/** Bytes of a matrix of so many elements, in its parts. */
export function blockBytes({ bits, scaling, blockSize }: BlockForm, count: number) {
  return {
    codes: (count * bits) / 8,
    absmax: (absmaxBytes[scaling] * count) / blockSize,
    nested: scaling < 4 ? 0 : (4 * count) / nestedSize,
  }
}
