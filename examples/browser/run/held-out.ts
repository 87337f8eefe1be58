import type { Pair } from '../pairs.ts'
import type { RunData } from '../session.ts'

/** Below so many, none can be spared. */
const fewest = 20
/** More than so many tell hardly more, and take time at every measurement. */
const mostHeldOut = 40

/** Keeps every tenth pair apart, the last of each ten: the same ones for the same pairs, in their order. */
export function withHeldOut(pairs: readonly Pair[]): RunData {
  if (pairs.length < fewest) return { train: pairs, heldOut: [] }
  const apart = Math.max(10, Math.ceil(pairs.length / mostHeldOut))
  const isHeldOut = (i: number) => i % apart === apart - 1
  return { train: pairs.filter((_, i) => !isHeldOut(i)), heldOut: pairs.filter((_, i) => isHeldOut(i)) }
}
