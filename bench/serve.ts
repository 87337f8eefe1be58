import { createInterface } from 'node:readline'
import type { KernelCost } from '../src/device/kernel-profile.ts'

/** The first line of a runner, when it has built what it times. */
export interface Ready {
  readonly versions: Readonly<Record<string, string>>
  /** Of the first training steps, so that competitors can be seen to compute the same. */
  readonly losses?: readonly number[]
  /** Of what a call does. */
  readonly counts?: Readonly<Record<string, number>>
  /** That a call has to read. */
  readonly bytes?: number
}

/** Its answer to each line it reads, which says how many calls to time. */
export interface Answer {
  /** Of one call. */
  readonly milliseconds: number
  /** Of that, in the engine: to encode, bind and submit. */
  readonly encoding?: number
  /** Beside it, to encode what comes next while the adapter works. */
  readonly ahead?: number
  /** What ran in all calls together. */
  readonly kernels?: readonly KernelCost[]
}

/**
 * What a runner does once it is ready: it times as many calls as a line of its input says, until the input ends. A word
 * behind the number says which of several variants is meant.
 */
export async function serve(
  ready: Ready,
  time: (calls: number, variant: string) => Promise<Answer> | Answer,
): Promise<never> {
  const say = (line: Ready | Answer) => {
    console.log(JSON.stringify(line))
  }
  say(ready)
  for await (const line of createInterface({ input: process.stdin })) {
    const [calls, variant = ''] = line.split(' ')
    say(await time(Number(calls), variant))
  }
  process.exit(0)
}
