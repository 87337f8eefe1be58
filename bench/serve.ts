import { createInterface } from 'node:readline'
import type { KernelCost } from '../src/device/kernel-profile.ts'

/** The first line of a runner, when it has built what it times. */
export interface Ready {
  readonly versions: Readonly<Record<string, string>>
}

/** Its answer to each line it reads, which says how many calls to time. */
export interface Answer {
  /** Of one call, the mean of them all. */
  readonly milliseconds: number
  /** What ran in all calls together. */
  readonly kernels?: readonly KernelCost[]
}

/** What a runner does once it is ready: it times as many calls as a line of its input says, until the input ends. */
export async function serve(
  versions: Ready['versions'],
  time: (calls: number) => Promise<Answer> | Answer,
): Promise<never> {
  const say = (line: Ready | Answer) => {
    console.log(JSON.stringify(line))
  }
  say({ versions })
  for await (const line of createInterface({ input: process.stdin })) say(await time(Number(line)))
  process.exit(0)
}
