import type { Binding, TuningChoices } from '../../device.ts'
import type { KernelName } from '../../register/kernels.ts'
import { race } from './race.ts'
import { usage } from '../buffer-pool.ts'
import { programName } from './candidates.ts'
import type { CallClass, Choices } from './choices.ts'
import { ParamBytes } from '../params.ts'
import { rowOf } from '../../row-of.ts'
import type { Pipeline, Pipelines } from './pipelines.ts'
import type { CommandQueue } from '../queue.ts'
import { type Lap, Stopwatch } from './stopwatch.ts'
import type { Variant } from './variant.ts'
import { fitsGroups } from '../windows.ts'

/** How far `Device.prepare` is with timing programs. */
export interface TuningProgress {
  /** Classes of calls that have their program, of `total` that had none. */
  readonly done: number
  readonly total: number
  /** The kernel that is timed next, null at the end. */
  readonly kernel: KernelName | null
}

/** What was found out about an adapter's programs. */
export interface TuningResults {
  readonly choices: TuningChoices
  /** Programs that do not compile, or that the adapter refuses to run. */
  readonly struck: readonly string[]
}

/** A call that a rehearsal met, the first of its class. */
interface Call extends CallClass {
  readonly kernel: KernelName
  readonly params: Readonly<Record<string, number>>
  /** Bytes of each window, in the order of the bindings; null where none is bound. */
  readonly windows: readonly (number | null)[]
}

/** What the tuner hears and says. */
export interface TunerPorts {
  readonly onTuning: ((progress: TuningProgress) => void) | undefined
  /** Keeps what was found for the next time; never rejects. */
  readonly remember: (results: TuningResults) => Promise<void>
}

/** Rehearses work and finds the fastest program for each class of its calls. */
export class Tuner {
  /** What the rehearsal that is going on has met, by class. */
  #met: Map<string, Call> | null = null
  #turn: Promise<void> = Promise.resolve()
  readonly #gpu: GPUDevice
  readonly #pipelines: Pipelines
  readonly #choices: Choices
  readonly #queue: CommandQueue
  readonly #ports: TunerPorts

  constructor(gpu: GPUDevice, pipelines: Pipelines, choices: Choices, queue: CommandQueue, ports: TunerPorts) {
    this.#gpu = gpu
    this.#pipelines = pipelines
    this.#choices = choices
    this.#queue = queue
    this.#ports = ports
  }

  /** Whether work is only rehearsed: nothing must reach the adapter. */
  get isRehearsing(): boolean {
    return this.#met !== null
  }

  /** Notes a call that is not run. */
  note(
    kernel: KernelName,
    windows: Readonly<Record<string, Binding | null>>,
    params: Readonly<Record<string, number>>,
  ): void {
    const callClass = this.#choices.classOf(kernel, params)
    if (this.#met === null || this.#met.has(callClass.name)) return
    const { reads, writes } = rowOf(kernel)
    const sizes = [...reads, ...writes].map((name) => windows[name]?.byteLength ?? null)
    this.#met.set(callClass.name, { ...callClass, kernel, params, windows: sizes })
  }

  /** @throws MedAwareError as `Device.run`; what `work` throws. */
  async prepare(work: () => void): Promise<void> {
    const met = this.#rehearse(work)
    const turn = this.#turn.then(() => this.#tune(met))
    this.#turn = turn.catch(() => undefined)
    await turn
  }

  #rehearse(work: () => void): readonly Call[] {
    // Within another rehearsal, the outer one notes all.
    if (this.#met !== null) {
      work()
      return []
    }
    const met = new Map<string, Call>()
    this.#met = met
    try {
      work()
    } finally {
      this.#met = null
    }
    return [...met.values()]
  }

  async #tune(met: readonly Call[]): Promise<void> {
    const calls = met.filter((call) => call.candidates.length > 1 && !this.#choices.isSettled(call))
    if (calls.length === 0) return
    await this.#queue.settle()
    const [choices, struck]: [Record<string, string>, string[]] = [{}, []]
    const stopwatch = new Stopwatch(this.#gpu)
    try {
      for (const [done, call] of calls.entries()) {
        this.#ports.onTuning?.({ done, total: calls.length, kernel: call.kernel })
        const winner = await this.#fastest(call, stopwatch, struck)
        this.#queue.throwFault()
        if (winner === null) continue
        this.#choices.settle(call, winner)
        choices[call.name] = programName(winner)
      }
      this.#ports.onTuning?.({ done: calls.length, total: calls.length, kernel: null })
    } catch (error) {
      // A lost device says so itself, in better words.
      this.#queue.throwFault()
      throw error
    } finally {
      stopwatch.dispose()
      await this.#ports.remember({ choices, struck })
    }
  }

  /** The program that does a call fastest; null where there is no room to try. Strikes what fails. */
  async #fastest(call: Call, stopwatch: Stopwatch, struck: string[]): Promise<Variant | null> {
    const strike = (program: Variant) => {
      this.#choices.strike(programName(program))
      struck.push(programName(program))
    }
    const refusals = await Promise.all(call.candidates.map((program) => this.#pipelines.compile(program)))
    call.candidates.forEach((program, i) => refusals[i] === null || strike(program))
    const compiled = call.candidates.filter((_, i) => refusals[i] === null)
    const [first] = compiled
    if (first === undefined || compiled.length === 1) return first ?? null
    const stage = await this.#stage(call, this.#pipelines.of(first))
    if (stage === null) return null
    try {
      const racers: { program: Variant; lap: Lap }[] = []
      for (const program of compiled.filter((one) => fitsGroups(one.groups(call.params)))) {
        const { gpu, varies } = this.#pipelines.of(program)
        const offsets = varies ? [0] : []
        const lap = { gpu, group: stage.group, offsets, groups: program.groups(call.params) }
        // The first dispatch is late for reasons of its own.
        if ((await stopwatch.time(lap, 1)) === null) strike(program)
        else racers.push({ program, lap })
      }
      const least = () => stopwatch.least
      const winner = await race(racers.length, least, async (racer, turns) => {
        const lap = racers[racer]?.lap
        return (lap && (await stopwatch.time(lap, turns))) ?? Infinity
      })
      return racers[winner]?.program ?? null
    } finally {
      for (const buffer of stage.buffers) buffer.destroy()
    }
  }

  /** Buffers of zeros, or of what the kernel's row says, for a call; null where the adapter has no room for them. */
  async #stage(
    { kernel, params, windows }: Call,
    { layout, params: block }: Pipeline,
  ): Promise<{ readonly group: GPUBindGroup; readonly buffers: readonly GPUBuffer[] } | null> {
    const packed = new ParamBytes(block.byteLength)
    packed.pack(block, params, 0)
    this.#gpu.pushErrorScope('out-of-memory')
    this.#gpu.pushErrorScope('validation')
    const uniform = this.#gpu.createBuffer({
      label: 'tuning params',
      size: block.byteLength,
      usage: usage.uniform | usage.copyDst,
    })
    const storage = windows.map((byteLength) =>
      this.#gpu.createBuffer({
        label: `tuning ${kernel}`,
        size: Math.max(256, Math.ceil((byteLength ?? 0) / 4) * 4),
        usage: usage.storage | usage.copyDst,
      }),
    )
    const group = this.#gpu.createBindGroup({
      label: `tuning ${kernel}`,
      layout,
      entries: [uniform, ...storage].map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
    this.#gpu.queue.writeBuffer(uniform, 0, packed.bytes)
    const row = rowOf(kernel)
    for (const [name, numbers] of Object.entries(row.trial?.(params) ?? {})) {
      const buffer = storage[row.reads.indexOf(name)]
      if (buffer && numbers) this.#gpu.queue.writeBuffer(buffer, 0, numbers)
    }
    const errors = await Promise.all([this.#gpu.popErrorScope(), this.#gpu.popErrorScope()])
    const buffers = [uniform, ...storage]
    if (errors.every((error) => error === null)) return { group, buffers }
    for (const buffer of buffers) buffer.destroy()
    return null
  }
}
