/** How far a run has come in batches that can only be gone through: a checkpoint keeps it, to pass over them again. */
export interface DataPosition {
  /** Passes that were ended. */
  readonly epoch: number
  /** Batches that were read of the pass after them. */
  readonly batches: number
  /** Hash of the ids and labels of those; of batches of another kind just their number is known. */
  readonly hash: string
}

/** What one optimiser step is made of. */
export interface StepBatches {
  /** The pass over the data that they are of, from 0. */
  readonly epoch: number
  /** One a micro-batch, at least one. */
  readonly batches: readonly unknown[]
  /** Tokens in them, padding left out as far as it is known; 0 where they say none. */
  readonly tokens: number
  /** Tokens that are predicted; 0 where they have no labels. */
  readonly labelTokens: number
}

/** Where the micro-batches of a run come from. */
export interface BatchSource {
  /** Optimiser steps in one pass; Infinity where only going through it tells. */
  readonly stepsPerEpoch: number
  /**
   * The batches of a step, the same as often as they are asked for until those of the next are.
   * @param index Steps that were done before.
   * @returns null when `signal` is aborted while they are waited for; what has come by then is kept.
   * @throws MedAwareError `config` when there are none, and what going through them throws.
   */
  take(index: number, signal?: AbortSignal): Promise<StepBatches | null>
  /** Where the step of this index begins; null where that is known by the index alone. */
  positionAt(index: number): DataPosition | null
  /** Makes the step of this index begin elsewhere; `null` for the first batch of all. */
  seek(index: number, position: DataPosition | null): void
  /** Lets go of what is being gone through. */
  close(): void
}
