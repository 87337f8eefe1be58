import type { Random } from '../../../core/random.ts'

/** A matrix on the host, row by row, as a base's weight [out, in] is read. */
export interface HostMatrix {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
}

/** What A and B start as: A [rank, in], B [out, rank]. */
export interface StartingFactors {
  readonly a: Float32Array
  readonly b: Float32Array
}

/** A start of LoRA that follows from the base's weight, of which scaling · B A is then taken out. */
export interface BaseStart {
  /** Whether the weight alone says what A and B are, so that whoever has the weight has them too. */
  readonly isRepeatable: boolean
  /** @param rank At most the smaller side of `weight`. @param scaling Above 0. */
  factors(weight: HostMatrix, rank: number, scaling: number, random: Random): StartingFactors
}
