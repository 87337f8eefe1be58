import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { StorageRecipe, StoredMatrix } from '../tensor/stored-matrix.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { formatOfType, type StorageType } from './formats.ts'

/** How a matrix is stored in fewer bits, in bitsandbytes' words. The defaults are QLoRA's: NF4, double-quantised. */
export interface StorageOptions {
  /** 'int8' is LLM.int8's storage: a scale for each row, and neither `blockSize` nor `doubleQuant`. Default 'nf4'. */
  readonly type?: StorageType
  /** Elements that share one maximum: 32, 64, … 4096. Default 64. */
  readonly blockSize?: number
  /** Quantise the maxima to 8 bits as well (bitsandbytes' compress_statistics). Default true. */
  readonly doubleQuant?: boolean
  /**
   * What products are computed in (bnb_4bit_compute_dtype). Kernels decode weights to f32 and compute in f32, so 'f32'
   * is the only one there is. Default 'f32'.
   */
  readonly computeDtype?: 'f32' | 'f16' | 'bf16'
}

/**
 * Checks options that need no tensor.
 * @throws MedAwareError `config` for a type there is not, and as the format's `check`; `unsupported` for another
 * computeDtype than 'f32'.
 */
export function checkStorage({ type = 'nf4', computeDtype = 'f32', ...options }: StorageOptions): void {
  formatOfType(type).check({ type, ...options })
  check(computeDtype === 'f32', 'unsupported', () => {
    return `quantize: computeDtype ${show(computeDtype)}; kernels decode weights to f32 and compute in f32, leave it out`
  })
}

/**
 * Stores x [rows, columns] f32 in fewer bits on its device, bit-equal to bitsandbytes' codes; x itself is left alone.
 * @throws MedAwareError as `checkStorage`, `shape` for what is no matrix.
 */
export function quantizeMatrix(x: Tensor, options: StorageOptions = {}): StoredMatrix {
  checkStorage(options)
  const { type = 'nf4', blockSize, doubleQuant } = options
  return formatOfType(type).quantize(x, { type, blockSize, doubleQuant })
}

/** The options that store a matrix as another is stored. */
export function optionsOf({ type, blockSize, doubleQuant }: StorageRecipe): StorageOptions {
  return { type, doubleQuant, ...(blockSize !== null && { blockSize }) }
}
