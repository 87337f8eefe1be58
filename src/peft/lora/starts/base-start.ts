import type { Random } from '../../../core/random.ts'
import type { Weight } from '../../../nn/module.ts'
import type { StoredMatrix } from '../../../tensor/stored-matrix.ts'
import type { LoraConfig } from '../lora-config.ts'

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
  /** What computes in the base's place from then on. Default: the base without scaling · B A. */
  readonly ground?: StoredMatrix
}

/** Where a start is made. */
export interface StartPlace {
  readonly path: string
  /** The base's weight as it is stored. */
  readonly base: Weight
  readonly config: LoraConfig
}

/** A start of LoRA after which the base computes without scaling · B A, or quantised. */
export interface RestStart {
  /** What A and B follow from beside the weight, as in 'a start that …'; `null`: who has the weight has them too. */
  readonly besideWeight: string | null
  /** Whether plain LoRA of some rank over the base as it is computes the same. Default true. */
  readonly isPlain?: boolean
}

/** One that follows from the base's weight, and from random numbers. */
export interface BaseStart extends RestStart {
  /** @param rank At most the smaller side of `weight`. @param scaling Above 0. */
  factors(
    weight: HostMatrix,
    rank: number,
    scaling: number,
    random: Random,
    place: StartPlace,
  ): StartingFactors | Promise<StartingFactors>
}
