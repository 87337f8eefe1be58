import { type KernelCost, kernelTable } from '../src/device/kernel-profile.ts'
import { shareOutside, sumOfCosts, timeOf } from './kernels/kernel-costs.ts'
import { type Bar, type Figure, figure, fullLayers, type RowOptions, type RowResult } from './row.ts'
import { Runner } from './runner.ts'
import type { Ready } from './serve.ts'
import { race, ratios } from './stats.ts'

/** Something that runs in a process of its own beside others. */
export interface Competitor {
  readonly name: string
  /** Of this folder. */
  readonly file: string
  readonly args: readonly (string | number)[]
  /** Which of the things that a process times: those of one file and args share one. Default: all it does. */
  readonly variant?: string
  /** On the time of a call, in the rules' unit. */
  readonly time?: Bar
  /** On what the engine takes of that to encode, bind and submit. */
  readonly encoding?: Bar
  /** On its resident memory, in gigabytes. */
  readonly memory?: Bar
  /** On the share of its time outside matrix products and attention, in percent. */
  readonly outside?: Bar
  /** The same of its kernels' time alone, where an adapter runs them beside what the process does. */
  readonly kernelsOutside?: Bar
}

/** What is told of the times of two competitors. */
export interface Comparison {
  readonly slower: string
  readonly faster: string
  /** Default: none, where the figure is for comparison. */
  readonly bar?: Bar
}

/** How a competition goes. */
export interface Rules {
  readonly competitors: readonly Competitor[]
  readonly compare?: readonly Comparison[]
  /** Those who compute the same: the losses of their first steps may not be further apart than `lossesApart`. */
  readonly sameLosses?: readonly string[]
  /** On losses that should be equal, in nats. Default '<= 0.001'. */
  readonly lossesApart?: Bar
  /** That a call trains on: with it their number a second is told beside times. */
  readonly tokens?: number
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
  const { sameLosses = [], lossesApart = '<= 0.001', tokens } = rules
  const runners = new Map<string, Runner>()
  const processes = new Map<string, Runner | Error>()
  const ready = new Map<string, Ready>()
  const versions: Record<string, string> = {}
  const absent: Record<string, string> = {}
  const kernels = new Map<string, (readonly KernelCost[])[]>()
  const encoding = new Map<string, number[]>()
  const barOf = (bar: Bar | undefined) => (isModel && layers !== fullLayers ? null : bar)
  try {
    for (const { name, file, args } of competitors) {
      const key = JSON.stringify([file, args])
      const shared = processes.get(key)
      if (shared instanceof Runner) runners.set(name, shared)
      else if (shared !== undefined) absent[name] = shared.message
      if (shared !== undefined) continue
      const runner = new Runner(file, args, { ...process.env, ...env })
      const start = performance.now()
      progress(`  ${name}: building${isModel ? ` a model of ${layers} layers` : ''} ...`)
      try {
        const facts = await runner.ready()
        Object.assign(versions, facts.versions)
        ready.set(name, facts)
        runners.set(name, runner)
        processes.set(key, runner)
        progress(` ${((performance.now() - start) / 1000).toFixed(0)} s\n`)
      } catch (error) {
        progress(' absent\n')
        const reason = error instanceof Error ? error : new Error(String(error))
        absent[name] = reason.message
        processes.set(key, reason)
      }
    }
    const variants = new Map(competitors.map(({ name, variant }) => [name, variant]))
    const contenders = [...runners].map(([name, runner]) => ({
      name,
      time: async () => {
        if (name in absent) return NaN
        try {
          const answer = await runner.ask(calls, variants.get(name))
          if (answer.kernels?.length) kernels.set(name, [...(kernels.get(name) ?? []), answer.kernels])
          if (answer.encoding !== undefined) encoding.set(name, [...(encoding.get(name) ?? []), answer.encoding])
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
    for (const { name, time, encoding: encodingBar, outside, kernelsOutside, memory } of present) {
      const times = samples(name)
      const scaled = unit === 's' ? times.map((ms) => ms / 1000) : times
      figures.push(figure(name, unit, scaled, barOf(time)))
      if (tokens !== undefined) {
        const speeds = times.map((ms) => (1000 * tokens) / ms)
        figures.push(figure(`${name}: tokens a second`, '', speeds))
      }
      // Of what comes with the times, the first round does not count either.
      const engine = encoding.get(name)?.slice(1)
      if (engine) figures.push(figure(`${name}: encode, bind, submit`, 'ms', engine, barOf(encodingBar)))
      for (const [what, count] of Object.entries(ready.get(name)?.counts ?? {})) {
        figures.push(figure(`${name}: ${what}`, '', [count]))
      }
      const lines = kernels.get(name)?.slice(1) ?? []
      if (outside) {
        const shares = lines.map((round, i) => 100 * shareOutside(round, calls * times[i]!))
        figures.push(figure(`${name}: outside matmul and attention`, '%', shares, barOf(outside)))
      }
      if (kernelsOutside && lines.length === 0) absent[`${name}: kernels`] = 'the device has no profile'
      else if (kernelsOutside) {
        const shares = lines.map((round) => 100 * shareOutside(round, timeOf(round)))
        figures.push(figure(`${name}: kernels outside matmul and attention`, '%', shares, barOf(kernelsOutside)))
      }
      // A process that several share is told once.
      const peak = ready.has(name) ? runners.get(name)!.peakMemory : null
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
    const losses = present.filter(({ name }) => sameLosses.includes(name)).map(({ name }) => ready.get(name)?.losses)
    return { figures: [...figures, ...lossFigures(losses, lossesApart)], versions, absent }
  } finally {
    for (const runner of new Set(runners.values())) await runner.stop()
  }
}

/** How far the losses of several programs fall, and how far apart they are at most. */
function lossFigures(losses: readonly (readonly number[] | undefined)[], bar: Bar): readonly Figure[] {
  const [first = [], ...others] = losses
  if (others.length === 0) return []
  const apart = others.flatMap((other = []) => first.map((loss, step) => Math.abs(loss - (other[step] ?? NaN))))
  const steps = `of the first ${first.length} steps`
  return [
    figure(`fall of the losses ${steps}`, 'nats', [(first[0] ?? NaN) - (first.at(-1) ?? NaN)], '> 0'),
    figure(`losses ${steps}, furthest apart`, 'nats', [Math.max(...apart)], bar),
  ]
}

/** Apart from the figures, which may be read by a program. */
function progress(text: string): void {
  process.stderr.write(text)
}
