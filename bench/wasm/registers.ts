import type { CpuBuild } from '../../src/device/cpu/cpu-device.ts'
import { clock, type Samples } from '../stats.ts'
import { compileFor } from './compile.ts'
import { Team } from './team.ts'

/** About 20 ms of multiply-adds: as long as a product that is timed between two runs of them. */
const steps = 6_000_000
const operationsOfStep = 192

/** Where the registers reach less of the best of the run than this, something else had the processor. */
const fallen = 0.9

/**
 * Multiply-adds that never leave the registers, on as many threads as the work that is timed between two runs of them:
 * its peak, and the sign by which a round that another tenant of the processor disturbed is known.
 */
export class Registers {
  readonly #team: Team
  /** GFLOP/s right before and after each call, by what was timed. */
  readonly #around = new Map<string, (readonly [before: number, after: number])[]>()
  #best = 0

  private constructor(team: Team) {
    this.#team = team
  }

  /** Compiles `peak.as.ts` as the kernels of `build` are, and starts the threads. */
  static async open(build: CpuBuild, threads: number): Promise<Registers> {
    const registers = new Registers(new Team(await compileFor(build, 'peak'), threads))
    // V8 compiles what has run a while once more, and takes up the faster code at the next call.
    for (let i = 0; i < 10; i++) await registers.#call(steps / 20)
    return registers
  }

  /** The most GFLOP/s that any run of them reached. */
  get best(): number {
    return this.#best
  }

  /** Does what `time` does, between two runs of the registers. */
  async around(name: string, time: () => number | Promise<number>): Promise<number> {
    const before = await this.#rate()
    const milliseconds = await time()
    this.#around.set(name, [...(this.#around.get(name) ?? []), [before, await this.#rate()]])
    return milliseconds
  }

  /** GFLOP/s around the last `rounds` calls of `name`: the mean of before and after. */
  rates(name: string, rounds: number): Samples {
    return this.#last(name, rounds).map(([before, after]) => (before + after) / 2)
  }

  /** Which of the last `rounds` calls of `name` had registers well below the best before or after them. */
  fell(name: string, rounds: number): readonly number[] {
    return this.#last(name, rounds).flatMap((pair, round) => (Math.min(...pair) < fallen * this.#best ? [round] : []))
  }

  async close(): Promise<void> {
    await this.#team.close()
  }

  #last(name: string, rounds: number): readonly (readonly [number, number])[] {
    return this.#around.get(name)?.slice(-rounds) ?? []
  }

  async #rate(): Promise<number> {
    const milliseconds = await clock(() => this.#call(steps))
    const rate = (this.#team.threads * steps * operationsOfStep) / milliseconds / 1e6
    this.#best = Math.max(this.#best, rate)
    return rate
  }

  #call(count: number): Promise<void> {
    return this.#team.call('peak', count, 0.999, 0.001)
  }
}
