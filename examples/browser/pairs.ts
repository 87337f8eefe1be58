/** A question and the answer to learn. */
export interface Pair {
  readonly question: string
  readonly answer: string
}

/** What a run learns from, and what it is only measured on. */
export interface RunData {
  readonly train: readonly Pair[]
  readonly heldOut: readonly Pair[]
}
