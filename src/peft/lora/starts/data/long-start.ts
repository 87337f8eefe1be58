/** What a long start is told and tells. */
export interface LongStart {
  /** Begins an error's sentence. */
  readonly who: string
  readonly onProgress?: StartProgress | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Told how far a start has come.
 * @param done Layers that have what they start from. @param total All layers.
 * @param secondsLeft `null` while there is nothing to judge by.
 */
export type StartProgress = (done: number, total: number, secondsLeft: number | null) => void
