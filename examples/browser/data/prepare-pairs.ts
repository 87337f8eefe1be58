import type { Example, PreparedExamples } from 'peft-medaware'
import type { Pair } from '../pairs.ts'

/** Pairs that are sent at a time: few, so that the page stays free. */
const atOnce = 100

/** Pairs as examples. */
export interface PreparedPairs {
  readonly examples: Example[]
  /** Those whose question fills the limit, so that of the answer nothing is left to learn. */
  readonly tooLong: readonly Pair[]
  /** How many had something cut off. */
  readonly truncated: number
}

/** How making examples is watched, and ended. */
export interface Preparing {
  /** Called after each few pairs. */
  readonly onPrepare?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/**
 * Makes examples of pairs, some at a time.
 * @param prepare Makes examples of some of them. @throws What it throws; the signal's reason.
 */
export async function preparePairs(
  pairs: readonly Pair[],
  prepare: (some: readonly Pair[]) => Promise<PreparedExamples>,
  { onPrepare = () => {}, signal }: Preparing = {},
): Promise<PreparedPairs> {
  const examples: Example[] = []
  const tooLong: Pair[] = []
  let truncated = 0
  const take = async (some: readonly Pair[]): Promise<void> => {
    const { report, ...prepared } = await prepare(some)
    const [first, ...others] = some
    // The report counts what was left out; which it was, is found by asking for each alone.
    if (report.dropped > 0 && others.length > 0) for (const pair of some) await take([pair])
    else if (report.dropped > 0 && first !== undefined) tooLong.push(first)
    else {
      for (const example of prepared.examples) examples.push(example)
      truncated += report.truncated
    }
  }
  for (let from = 0; from < pairs.length; from += atOnce) {
    signal?.throwIfAborted()
    await take(pairs.slice(from, from + atOnce))
    onPrepare(Math.min(from + atOnce, pairs.length), pairs.length)
  }
  return { examples, tooLong, truncated }
}
