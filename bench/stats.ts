/** One thing to time: a round of it is `repeats` calls of `work`. */
export interface Contender {
  readonly name: string
  readonly work: () => void | Promise<void>
  readonly repeats?: number
}

/** Milliseconds of one call, a number per round. */
export type Samples = readonly number[]

/** What is said of samples. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Times every contender once a round, in alternating order, after one round that does not count. */
export async function race(contenders: readonly Contender[], rounds: number): Promise<Map<string, Samples>> {
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const { name, work, repeats = 1 } of round % 2 === 0 ? contenders : [...contenders].reverse()) {
      const start = performance.now()
      for (let i = 0; i < repeats; i++) await work()
      if (round >= 0) samples.get(name)!.push((performance.now() - start) / repeats)
    }
  }
  return samples
}

/** The median and the ends of samples. */
export function summarise(samples: Samples): Summary {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, least: sorted[0]!, most: sorted.at(-1)! }
}

/** numerator / denominator, round by round: what disturbs both in a round does not count. */
export function ratios(numerator: Samples, denominator: Samples): Samples {
  return numerator.map((value, round) => value / denominator[round]!)
}
