import { dequantize } from '../../ops/dequantize.ts'
import { rootedMatrix } from '../../tensor/matrix.ts'
import type { StoredMatrix } from '../../tensor/stored-matrix.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** Adds up what storing weights in fewer bits changes: Σ |w - stored w|, Σ |w| and their number. */
export class StorageError {
  #absolute = 0
  #magnitude = 0
  #count = 0

  /** Counts a matrix, beside the numbers it was made from. */
  async add(full: Tensor, stored: StoredMatrix): Promise<void> {
    const values = await full.read()
    // It belongs to nobody: a scope would take in what others allocate while this waits.
    const decoded = rootedMatrix(stored.device, () => dequantize(stored))
    try {
      const again = await decoded.read()
      for (let i = 0; i < values.length; i++) {
        this.#absolute += Math.abs((values[i] ?? 0) - (again[i] ?? 0))
        this.#magnitude += Math.abs(values[i] ?? 0)
      }
      this.#count += values.length
    } finally {
      decoded.dispose()
    }
  }

  /** The mean of |w - stored w|, and its ratio to that of |w|; `null` where nothing was counted. */
  get mean(): { readonly meanAbsolute: number; readonly relative: number } | null {
    if (this.#count === 0) return null
    return { meanAbsolute: this.#absolute / this.#count, relative: this.#absolute / this.#magnitude }
  }
}
