/** One thing to time. */
export interface Contender {
  readonly name: string
  /** Does it, and says how many milliseconds it took. */
  readonly time: () => number | Promise<number>
}

/** Milliseconds of one call, or what is made of them, a number per round. */
export type Samples = readonly number[]

/** What is said of samples. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** What is timed: what a call takes, or the processor time of all threads, which others on the machine disturb less. */
export const clocks = ['wall', 'processor'] as const
export type Clock = (typeof clocks)[number]

/** Milliseconds of a call of `work`: the mean of `calls` in a row. */
export async function clock(work: () => void | Promise<void>, calls = 1, by: Clock = 'wall'): Promise<number> {
  const now = () => {
    if (by === 'wall') return performance.now()
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  const start = now()
  for (let i = 0; i < calls; i++) await work()
  return (now() - start) / calls
}

/** Times every contender once a round, in alternating order, after rounds that do not count. */
export async function race(
  contenders: readonly Contender[],
  rounds: number,
  warmUps = 1,
): Promise<(name: string) => Samples> {
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const { name, time } of round % 2 === 0 ? contenders : [...contenders].reverse()) {
      const milliseconds = await time()
      if (round >= 0) samples.get(name)!.push(milliseconds)
    }
  }
  return (name) => samples.get(name)!
}

/** The median and the ends of samples. */
export function summarise(samples: Samples): Summary {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, least: sorted[0]!, most: sorted.at(-1)! }
}

/** Whether less of it is better, as of times, or more, as of speeds. */
export type Better = 'less' | 'more'

/** The best of samples. Others on a machine lengthen times and never shorten them, so it says the most of a program. */
export function bestOf(samples: Samples, better: Better): number {
  return better === 'less' ? Math.min(...samples) : Math.max(...samples)
}

/** numerator / denominator, round by round: what disturbs both in a round does not count. */
export function ratios(numerator: Samples, denominator: Samples): Samples {
  return numerator.map((value, round) => value / denominator[round]!)
}
