import type { Device } from 'peft-medaware'
import { digestOf, Records, writeJson } from '../records.ts'
import type { Story } from '../story.ts'
import { type Arm, keyOf } from './arm.ts'
import {
  armsOf,
  bitsKinds,
  type Experiment,
  experiments,
  fullTuning,
  type Kind,
  kindsOf,
  type Lengths,
  paper,
} from './arms.ts'
import type { ExperimentRecord } from './experiment-record.ts'
import { bestOf, bytesOf, findRate, type Trial } from './find-rates.ts'
import { openBenches } from './open-bench.ts'
import { openSurroundings } from './open-surroundings.ts'
import type { ExperimentOptions } from './options.ts'
import { type ArmRecord, type Bench, runArm } from './run-arm.ts'
import { timeKind, type Timing } from './time-kind.ts'

/** The rate that the first guesses of rates are for. */
const smallRate = 4e-3

/** Runs what of the experiments is not recorded yet: timings, the search for rates, and then the arms. */
export async function runExperiments(options: ExperimentOptions): Promise<void> {
  const { line, story, interrupts, device, data } = await openSurroundings(options)
  interrupts.note = 'what is recorded is kept; the same command goes on'
  const { signal } = interrupts
  const opened = await openBenches(options, { device, data, line, signal, onWarning: story.warn })
  const { bench, validationBench, questions } = opened
  const kinds = [...kindsOf(opened), fullTuning]
  const timed = [...kinds, ...bitsKinds(kinds).slice(1)]
  const parameters = Object.fromEntries(timed.map(({ name, trained }) => [name, opened.countOf(trained)]))
  opened.close()
  const records = new Records(options.out)
  interrupts.putOff()
  const run = new ExperimentRun({
    bench,
    validationBench,
    records,
    story,
    isLastFirst: options['last-first'],
    isIdle: options.only === 'gather',
  })
  try {
    const { only, 'trial-steps': trialSteps } = options
    const timings = only === 'rates' ? [] : await run.time(timed)
    if (only === 'timings') return
    const trials = await run.search(kinds, trialSteps, options.base.learningRate / smallRate)
    if (only === 'rates') return
    const lengths = lengthsOf(options.steps, timings, trials)
    const asked = experiments.filter((name) => options.experiment === 'all' || options.experiment === name)
    const adapters = kinds.filter(({ name }) => name !== fullTuning.name)
    const arms = new Map(asked.map((name) => [name, armsOf(name, adapters, lengths)]))
    const gather = async () => {
      const record = await run.gather(arms, { timings, trials, questions, parameters, device, options })
      await writeJson(options.record, record)
      return record.records.length
    }
    if (only !== 'gather') await run.arms([...arms.values()].flat(), options.seeds, gather)
    story.say('recorded', `${await gather()} runs in ${options.record}`)
  } catch (error) {
    if (!interrupts.isReason(error)) throw error
    interrupts.leave()
  } finally {
    device.dispose()
  }
}

function lengthsOf(steps: number, timings: readonly Timing[], trials: readonly Trial[]): Lengths {
  const secondsOf = (kind: string) => timings.find(({ name }) => name === kind)?.processor ?? NaN
  return {
    steps,
    stepsInTime: (kind) => Math.max(1, Math.round((steps * secondsOf(paper)) / secondsOf(kind))),
    rateOf: (kind) => {
      const own = trials.filter((trial) => trial.kind === kind)
      // A kind without trials has no record either.
      return own.length === 0 ? 0 : bestOf(own).learningRate
    },
  }
}

interface Parts {
  readonly bench: Bench
  readonly validationBench: Bench
  readonly records: Records
  readonly story: Story
  readonly isLastFirst: boolean
  /** Whether nothing is run, and what is not recorded is passed over. */
  readonly isIdle: boolean
}

class ExperimentRun {
  constructor(private readonly parts: Parts) {}

  async time(kinds: readonly Kind[]): Promise<readonly Timing[]> {
    const { bench, story } = this.parts
    const timings = await this.#each(kinds, async (kind) => {
      const key = `timing-${digestOf(JSON.stringify([bench.protocol, bench.device.description, kind]))}`
      const timing = await this.#made(key, () => timeKind(bench, kind))
      if (timing === null) return []
      const seconds = `${timing.processor} s of a processor a step, ${timing.clock} s by the clock`
      story.say('timed', `${kind.name}: ${seconds}`)
      return [timing]
    })
    return timings.flat()
  }

  async search(kinds: readonly Kind[], steps: number, scale: number): Promise<readonly Trial[]> {
    const { validationBench: bench, story } = this.parts
    const trials = await this.#each(kinds, async (kind) => {
      const run = async (arm: Arm) => {
        const key = keyOf(bench.protocol, arm, 0)
        return this.#made(`trial-${key}`, (folder) => runArm(bench, arm, 0, folder))
      }
      const own = await findRate(kind, { steps, run, bytes: bytesOf(bench), scale })
      if (own.length === 0) return []
      const tried = own.map(({ learningRate, bitsPerByte }) => `${learningRate}: ${bitsPerByte.toFixed(4)}`)
      story.say('rate', `${kind.name}: ${bestOf(own).learningRate} of ${tried.join(', ')}`)
      return own
    })
    return trials.flat()
  }

  async #made<T>(key: string, make: (folder: string) => Promise<T>): Promise<T | null> {
    const { records, isIdle, bench } = this.parts
    return isIdle ? ((await records.read(key)) as T | null) : records.made(key, make, bench.signal)
  }

  /** What `make` gives for each, in their order, from whichever end it was begun at. */
  async #each<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
    const { isLastFirst } = this.parts
    const made: R[] = []
    for (const item of isLastFirst ? items.toReversed() : items) made.push(await make(item))
    return isLastFirst ? made.reverse() : made
  }

  /** All arms with the first seed, then with the next, so that what is broken off is a whole comparison. */
  async arms(arms: readonly Arm[], seeds: readonly number[], onMade: () => Promise<unknown>): Promise<void> {
    const { bench, records, story, isLastFirst } = this.parts
    const order = isLastFirst ? arms.toReversed() : arms
    for (const [arm, seed] of seeds.flatMap((each) => order.map((arm) => [arm, each] as const))) {
      if (arm.steps === 0 && seed !== seeds[0]) continue
      const key = keyOf(bench.protocol, arm, arm.steps === 0 ? 0 : seed)
      const made = await records.make(`arm-${key}`, (folder) => {
        story.say('running', `${arm.name}, seed ${seed}: ${arm.steps} steps`)
        return runArm(bench, arm, arm.steps === 0 ? 0 : seed, folder)
      })
      if (made === null) story.say('passed', `${arm.name}, seed ${seed}: another process is at it`)
      else await onMade()
    }
  }

  /** What is there of some arms, of whatever seeds, as one record. */
  async gather(
    arms: ReadonlyMap<Experiment, readonly Arm[]>,
    around: Pick<ExperimentRecord, 'timings' | 'trials' | 'questions' | 'parameters'> & {
      device: Device
      options: ExperimentOptions
    },
  ): Promise<ExperimentRecord> {
    const { bench, records } = this.parts
    const { device, options, ...rest } = around
    const wanted = new Map([...arms.values()].flat().map((arm) => [keyOf(bench.protocol, arm, 0), arm]))
    const there = (await records.all('arm-')) as readonly ArmRecord[]
    const own = there.filter(({ arm }) => wanted.has(keyOf(bench.protocol, arm, 0)))
    const named = own.map((record) => {
      return { ...record, arm: wanted.get(keyOf(bench.protocol, record.arm, 0)) ?? record.arm }
    })
    const order = [...wanted.values()].map(({ name }) => name)
    named.sort((a, b) => order.indexOf(a.arm.name) - order.indexOf(b.arm.name) || a.seed - b.seed)
    return {
      ...{ model: options.model, engine: device.description, protocol: bench.protocol },
      ...{ steps: options.steps, trialSteps: options['trial-steps'], ...rest },
      experiments: Object.fromEntries([...arms].map(([name, of]) => [name, of.map((arm) => arm.name)])),
      records: named,
    }
  }
}
