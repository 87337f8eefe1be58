import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelCost } from '../src/device/kernel-profile.ts'
import { figuresOf, tablesOf } from './competition-figures.ts'
import type { Bar, Bars, Figure, Judge, RowOptions, RowResult } from './row.ts'
import { Runner } from './runner.ts'
import type { Ready } from './serve.ts'
import { race, type Samples } from './stats.ts'
import { Registers } from './wasm/registers.ts'

/** Something that runs in a process of its own beside others. */
export interface Competitor {
  readonly name: string
  /** Of this folder. */
  readonly file: string
  readonly args: readonly (string | number)[]
  /** Its last argument is the bytes that this one, which stands before it, says to read in a call. */
  readonly bytesOf?: string
  /** Which of the things that a process times: those of one file and args share one. Default: all it does. */
  readonly variant?: string
  /** Calls of a round. Default: as the rules say. */
  readonly calls?: number
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
  /** On the share of its time between kernels, in percent. */
  readonly between?: Bar
}

/** What is told of the times of two competitors, or of their memory. */
export interface Comparison {
  readonly slower: string
  readonly faster: string
  /** Default: their times. */
  readonly of?: 'time' | 'memory'
  /** Default: '<slower> over <faster>'. */
  readonly what?: string
  /** Default: none, where the figure is for comparison. */
  readonly bar?: Bars
  /** Default: the median. */
  readonly judgedBy?: Judge
}

/** What came of a competition. */
export interface Outcome {
  /** Those who took part to the end. */
  readonly present: readonly Competitor[]
  /** Calls of a round. */
  readonly calls: (competitor: Competitor) => number
  /** Milliseconds of a call, by round. */
  readonly times: (name: string) => Samples
  /** What all calls of a round ran together; empty where nothing is known of it. */
  readonly kernels: (name: string) => readonly (readonly KernelCost[])[]
  readonly encoding: (name: string) => Samples
  readonly ahead: (name: string) => Samples
  /** Rounds in which the registers fell; undefined where none were timed. */
  readonly fell: (name: string) => readonly number[] | undefined
  /** What a process said when it had built what it times; of those that share one, the first alone has it. */
  readonly ready: (name: string) => Ready | undefined
  /** Gigabytes that were resident at most; null where the system does not say. */
  readonly memory: (name: string) => number | null
}

/** A bar, or none where it does not hold for the size of the model. */
export type BarOf = (bar: Bars | undefined) => Bars | null | undefined

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
  /** Whether each turn is between two runs of the CPU's registers, which tell of disturbed rounds. Default false. */
  readonly registers?: boolean
  /** What competitors find in their environment beside this process's. */
  readonly env?: Readonly<Record<string, string>>
  /** Figures that follow from what came of it; `barOf` leaves bars out that do not hold for as many layers. */
  readonly more?: (outcome: Outcome, barOf: BarOf) => readonly Figure[]
}

/** Builds all competitors one after another, lets each work once a round while the others sleep, and ends them. */
export async function compete(rules: Rules, options: RowOptions): Promise<RowResult> {
  const { competitors, isModel = true, env = {} } = rules
  const { rounds, layers, build, profile, say } = options
  const runners = new Map<string, Runner>()
  const processes = new Map<string, Runner | Error>()
  const ready = new Map<string, Ready>()
  const versions: Record<string, string> = {}
  const absent: Record<string, string> = {}
  const kernels = new Map<string, (readonly KernelCost[])[]>()
  const [encoding, ahead] = [new Map<string, number[]>(), new Map<string, number[]>()]
  const registers = rules.registers ? await Registers.open(build, availableParallelism()) : null
  const callsOf = ({ calls }: Competitor) => calls ?? rules.calls ?? 1
  try {
    for (const { name, file, args: given, bytesOf } of competitors) {
      const bytes = bytesOf === undefined ? undefined : ready.get(bytesOf)?.bytes
      if (bytesOf !== undefined && bytes === undefined) {
        absent[name] = `${bytesOf} does not say how many bytes it reads`
        continue
      }
      const args = bytes === undefined ? given : [...given, bytes]
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
    const turn = async (competitor: Competitor, runner: Runner) => {
      const { name, variant } = competitor
      const answer = await runner.ask(callsOf(competitor), variant)
      if (answer.kernels?.length) kernels.set(name, [...(kernels.get(name) ?? []), answer.kernels])
      if (answer.encoding !== undefined) encoding.set(name, [...(encoding.get(name) ?? []), answer.encoding])
      if (answer.ahead !== undefined) ahead.set(name, [...(ahead.get(name) ?? []), answer.ahead])
      progress(`  ${name} ${answer.milliseconds.toFixed(0)} ms\n`)
      // Threads of PyTorch spin on for a few milliseconds: the registers are to be timed when they sleep.
      if (registers !== null) await sleep(20)
      return answer.milliseconds
    }
    const contenders = competitors.flatMap((competitor) => {
      const { name } = competitor
      const runner = runners.get(name)
      if (runner === undefined) return []
      const time = async () => {
        if (name in absent) return NaN
        try {
          return await (registers?.around(name, () => turn(competitor, runner)) ?? turn(competitor, runner))
        } catch (error) {
          absent[name] = error instanceof Error ? error.message : String(error)
          return NaN
        }
      }
      return [{ name, time }]
    })
    const samples = await race(contenders, rounds)
    const outcome: Outcome = {
      present: competitors.filter(({ name }) => runners.has(name) && !(name in absent)),
      calls: callsOf,
      times: samples,
      // Of what comes with the times, the first round does not count either.
      kernels: (name) => kernels.get(name)?.slice(1) ?? [],
      encoding: (name) => encoding.get(name)?.slice(1) ?? [],
      ahead: (name) => ahead.get(name)?.slice(1) ?? [],
      fell: (name) => registers?.fell(name, rounds),
      ready: (name) => ready.get(name),
      memory: (name) => runners.get(name)?.peakMemory ?? null,
    }
    for (const { name, kernelsOutside } of outcome.present) {
      if (kernelsOutside && outcome.kernels(name).length === 0) absent[`${name}: kernels`] = 'the device has no profile'
    }
    if (profile) for (const table of tablesOf(outcome)) say(table)
    return { figures: figuresOf(rules, outcome, layers), versions, absent }
  } finally {
    for (const runner of new Set(runners.values())) await runner.stop()
    await registers?.close()
  }
}

/** Apart from the figures, which may be read by a program. */
function progress(text: string): void {
  process.stderr.write(text)
}
