import { availableThreads, nextTurn } from '#platform'
import { check, MedAwareError } from '../../core/errors.ts'
import { readOptions } from '../../core/options.ts'
import { countWrites } from '../buffer.ts'
import { addressOf, operandsOf } from './bindings.ts'
import { type CpuEngine, openEngine, runKernel } from './engine.ts'
import type { CpuHeap } from './heap.ts'
import { type CpuBuild, cpuBuilds, defaultCpuBuild, flagsFor } from './module.ts'
import { type CpuOptions, cpuOptionRules, mostThreads } from './options.ts'
import type { CpuThreads } from './threads.ts'
import { type Binding, checkUpload, type Device, type DeviceLimits, type KernelBindings, roomFor } from '../device.ts'
import { KernelProfile, operationsIn } from '../kernel-profile.ts'
import type { KernelName, KernelParams } from '../register/kernels.ts'
import { Memory } from '../memory.ts'
import { rowOf } from '../row-of.ts'

export { type CpuBuild, cpuBuilds, type CpuOptions, defaultCpuBuild }

/** Milliseconds after which `settle` gives the event loop a turn. */
const turnEvery = 20

/** Bytes and operations under which a kernel is done before other threads would have heard of it. */
const smallBytes = 262144
const smallOperations = 131072

/** Ends the workers of devices that nobody disposed of and nobody can reach any more: they would hold the memory. */
const forgotten = new FinalizationRegistry<CpuThreads>((threads) => threads.stop())

/**
 * Opens the CPU engine: the kernels in WebAssembly, over one memory of at most 4 GiB that all threads share.
 * @throws MedAwareError `device` when a build is asked for that needs relaxed SIMD and there is none, `unsupported`
 *   when there is no SIMD at all, `config` for an unknown option or a value out of its range.
 */
export async function openCpuDevice(given: CpuOptions = {}): Promise<CpuDevice> {
  const options = readOptions('openCpuDevice', given, cpuOptionRules)
  const { build, why } = await buildFor(options.build)
  // Asked for plain SIMD, the library touches no flag of the process.
  check(
    build === 'simd' || cpuBuilds().includes(build),
    'device',
    () => `cpu: build ${build} cannot run here, this engine has no relaxed SIMD; leave build out`,
  )
  const threads = options.threads ?? Math.min(availableThreads(), mostThreads)
  return new CpuDevice(await openEngine(build, threads), build, why, options)
}

/** The build that an option names, with the reason where it was chosen among them. */
async function buildFor(
  asked: CpuOptions['build'],
): Promise<{ readonly build: CpuBuild; readonly why: string | null }> {
  if (asked !== 'fastest') return { build: asked ?? defaultCpuBuild(), why: null }
  const { fastestBuild } = await import('./fastest-build.ts')
  return fastestBuild()
}

/** The CPU engine as a `Device`. Work is done when the call returns. */
export class CpuDevice implements Device {
  readonly kind = 'cpu'
  readonly tuning = {}
  readonly description: string
  /** How its kernels are compiled: its results have the last bits of this build. */
  readonly build: CpuBuild
  /** Why it is this build, where `fastest` was asked for; else null. */
  readonly whyBuild: string | null
  /** Why there is one thread where more were to be used; null if there are as many. */
  readonly whyOneThread: string | null
  /** V8's flags that the build needs and that were set for the whole process. */
  readonly flags: readonly string[]
  readonly memory: Memory
  readonly profile: KernelProfile | null
  readonly #heap: CpuHeap
  readonly #shareItems: number | undefined
  #engine: CpuEngine | null
  #lastTurn = 0

  constructor(engine: CpuEngine, build: CpuBuild, whyBuild: string | null, options: CpuOptions) {
    const count = engine.threads?.count ?? 1
    const threads = count === 1 ? '1 thread' : `${count} threads`
    this.description = `CPU engine (WebAssembly, ${build === 'simd' ? '' : `${build} `}SIMD, ${threads})`
    this.build = build
    this.whyBuild = whyBuild
    this.whyOneThread = engine.whyOneThread
    this.flags = flagsFor(build)
    this.profile = options.profile === true ? new KernelProfile() : null
    this.#shareItems = options.shareItems
    this.#engine = engine
    this.#heap = engine.heap
    this.memory = new Memory(engine.heap)
    if (engine.threads !== null) forgotten.register(this, engine.threads, this)
  }

  get limits(): DeviceLimits {
    return { bufferBytes: this.#heap.largestGap, freeBytes: this.#heap.freeBytes }
  }

  upload(target: Binding, bytes: ArrayBufferView): void {
    const to = this.#window('upload', target)
    checkUpload(target, bytes)
    target.buffer.writes++
    to.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  }

  async download(source: Binding, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const from = this.#window('download', source)
    const to = roomFor(source, into)
    to.set(from)
    return to
  }

  copy(source: Binding, target: Binding): void {
    const from = this.#window('copy', source)
    const to = this.#window('copy', target)
    check(
      source.byteLength === target.byteLength && source.byteLength % 4 === 0,
      'shape',
      () =>
        `copy: windows must have one length, a multiple of 4 bytes, ${source.buffer.label} has ${source.byteLength}, ` +
        `${target.buffer.label} ${target.byteLength}`,
    )
    target.buffer.writes++
    to.set(from)
  }

  run<K extends KernelName>(name: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    const engine = this.#open()
    const row = rowOf(name)
    const values: Readonly<Record<string, number>> = params
    const { numbers, bytes } = operandsOf(name, bindings, values, this.#heap, this.memory)
    countWrites(row.writes, bindings)
    const start = this.profile === null ? 0 : performance.now()
    try {
      const isSmall = bytes < smallBytes && operationsIn(name, values) < smallOperations
      runKernel(engine, name, numbers, row.items(values), isSmall, this.#shareItems)
    } catch (cause) {
      if (cause instanceof MedAwareError) throw cause
      throw new MedAwareError('device', `${name}: stopped, it reached past its memory or scratch; check its sizes`, {
        cause,
      })
    }
    this.profile?.add(name, values, performance.now() - start)
  }

  /** There is one program a kernel: nothing to choose. */
  async prepare(): Promise<void> {
    this.#open()
  }

  /** All work is done already; lets the event loop turn now and then, so that timers and signals are heard. */
  async settle(): Promise<void> {
    this.#open()
    if (performance.now() - this.#lastTurn < turnEvery) return
    await nextTurn()
    this.#lastTurn = performance.now()
  }

  dispose(): void {
    this.#engine?.threads?.stop()
    this.#engine = null
    forgotten.unregister(this)
  }

  /** A view that is good until the memory grows. */
  #window(who: string, window: Binding): Uint8Array {
    const { memory } = this.#open()
    return new Uint8Array(memory.buffer, addressOf(who, window, this.#heap, this.memory), window.byteLength)
  }

  #open(): CpuEngine {
    check(this.#engine !== null, 'device', () => 'cpu: the device was disposed of; open another')
    return this.#engine
  }
}
