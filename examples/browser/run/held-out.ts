import type { Pair } from '../pairs.ts'

/** More than so many tell hardly more, and take time at every measurement. */
const most = 40

/** Those of the held-out pairs that are measured on: all of few, else some from the first to the last. */
export function measuredOn(heldOut: readonly Pair[]): readonly Pair[] {
  const apart = Math.max(1, heldOut.length / most)
  return heldOut.filter((_, i) => Math.floor(i / apart) !== Math.floor((i - 1) / apart))
}
