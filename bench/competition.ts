import { type KernelCost, kernelTable } from '../src/device/kernel-profile.ts'
import { shareOutside, sumOfCosts } from './kernel-costs.ts'
import { type Bar, type Figure, figure, fullLayers, type RowOptions, type RowResult } from './row.ts'
import { Runner } from './runner.ts'
import { race, ratios } from './stats.ts'

/** Something that runs in a process of its own beside others. */
export interface Competitor {
  readonly name: string
  /** Of this folder. */
  readonly file: string
  readonly args: readonly (string | number)[]
  /** On its resident memory, in gigabytes. */
  readonly memory?: Bar
  /** On the share of its time outside matrix products and attention, in percent. */
  readonly outside?: Bar
}

/** What is told of the times of two competitors. */
export interface Comparison {
  readonly slower: string
  readonly faster: string
  readonly bar: Bar
}

/** How a competition goes. */
export interface Rules {
  readonly competitors: readonly Competitor[]
  readonly compare?: readonly Comparison[]
  /** Calls of a round. Default 1. */
  readonly calls?: number
  readonly unit?: 's' | 'ms'
  /** Whether a model of `layers` runs: its bars are for the full size. Default true. */
  readonly isModel?: boolean
  /** What competitors find in their environment beside this process's. */
  readonly env?: Readonly<Record<string, string>>
}

/** Builds all competitors one after another, lets each work once a round while the others sleep, and ends them. */
export async function compete(rules: Rules, { rounds, layers, profile, say }: RowOptions): Promise<RowResult> {
  const { competitors, compare = [], calls = 1, unit = 'ms', isModel = true, env = {} } = rules
  const runners = new Map<string, Runner>()
  const versions: Record<string, string> = {}
  const absent: Record<string, string> = {}
  const kernels = new Map<string, (readonly KernelCost[])[]>()
  const barOf = (bar: Bar | undefined) => (isModel && layers !== fullLayers ? null : bar)
  try {
    for (const { name, file, args } of competitors) {
      const runner = new Runner(file, args, { ...process.env, ...env })
      const start = performance.now()
      progress(`  ${name}: building${isModel ? ` a model of ${layers} layers` : ''} ...`)
      try {
        Object.assign(versions, await runner.ready())
        runners.set(name, runner)
        progress(` ${((performance.now() - start) / 1000).toFixed(0)} s\n`)
      } catch (error) {
        progress(' absent\n')
        absent[name] = error instanceof Error ? error.message : String(error)
      }
    }
    const contenders = [...runners].map(([name, runner]) => ({
      name,
      time: async () => {
        if (name in absent) return NaN
        try {
          const answer = await runner.ask(calls)
          if (answer.kernels) kernels.set(name, [...(kernels.get(name) ?? []), answer.kernels])
          progress(`  ${name} ${answer.milliseconds.toFixed(0)} ms\n`)
          return answer.milliseconds
        } catch (error) {
          absent[name] = error instanceof Error ? error.message : String(error)
          return NaN
        }
      },
    }))
    const samples = await race(contenders, rounds)
    const present = competitors.filter(({ name }) => runners.has(name) && !(name in absent))
    const figures: Figure[] = []
    for (const { name, outside, memory } of present) {
      const times = samples(name)
      const scaled = unit === 's' ? times.map((ms) => ms / 1000) : times
      figures.push(figure(name, unit, scaled))
      // The first round does not count.
      const lines = kernels.get(name)?.slice(1) ?? []
      if (outside) {
        const shares = lines.map((round, i) => 100 * shareOutside(round, calls * times[i]!))
        figures.push(figure(`${name}: outside matmul and attention`, '%', shares, barOf(outside)))
      }
      const peak = runners.get(name)!.peakMemory
      if (peak !== null) figures.push(figure(`${name}: peak resident memory`, 'GB', [peak], barOf(memory)))
      if (profile && lines.length > 0) {
        say(`  ${name}, ${rounds} rounds`)
        say(kernelTable(sumOfCosts(lines), calls * times.reduce((sum, ms) => sum + ms, 0)))
      }
    }
    for (const { slower, faster, bar } of compare) {
      if (![slower, faster].every((name) => present.some((one) => one.name === name))) continue
      figures.push(figure(`${slower} over ${faster}`, 'x', ratios(samples(slower), samples(faster)), barOf(bar)))
    }
    return { figures, versions, absent }
  } finally {
    for (const runner of runners.values()) await runner.stop()
  }
}

/** Apart from the figures, which may be read by a program. */
function progress(text: string): void {
  process.stderr.write(text)
}
