import { check, MedAwareError } from '../core/errors.ts'
import { addressesOf, addressOf } from './cpu-bindings.ts'
import { CpuHeap } from './cpu-memory.ts'
import type { Binding, Device, KernelBindings } from './device.ts'
import type { KernelRow } from './kernel-row.ts'
import { type cpuKernels, wasm } from './kernels.generated.ts'
import { type KernelName, kernels, type KernelParams } from './kernels.ts'
import { Memory } from './memory.ts'

export interface CpuOptions {
  /** Whether to use relaxed SIMD (fused multiply-add). Default: where the engine has it. */
  readonly relaxedSimd?: boolean
  /** Shares the work of a kernel is cut into, each for an instance of its own; results do not depend on it. Default 1. */
  readonly lanes?: number
  /** Whether to add up calls and time per kernel in `CpuDevice.profile`. Default false. */
  readonly profile?: boolean
}

/** Calls of a kernel and the time they took. */
export interface KernelCost {
  calls: number
  milliseconds: number
}

type Kernels = { readonly [name in keyof typeof cpuKernels]: (...operands: number[]) => void }

/** What an instance of `kernels/*.as.ts` exports. */
interface KernelExports extends Kernels {
  heapBase(): number
  scratchBytes(): number
  setScratch(pointer: number, bytes: number): void
}

const pageBytes = 65536
/** Milliseconds after which `settle` gives the event loop a turn. */
const turnEvery = 20
const mostPages = 65536

/** A module that is valid where relaxed SIMD is: one function, `f32x4.relaxed_madd(0, 0, 0)`. */
const relaxedProbe = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 20, 1, 18, 0],
  ...[65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 26, 11],
)

/** Whether this JavaScript engine knows relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(relaxedProbe)
}

/**
 * Opens the CPU engine: the kernels in WebAssembly, over one memory of at most 4 GiB.
 * @throws MedAwareError `device` when relaxed SIMD is asked for and missing, `unsupported` when there is no SIMD at all.
 */
export async function openCpuDevice(options: CpuOptions = {}): Promise<CpuDevice> {
  const relaxed = options.relaxedSimd ?? hasRelaxedSimd()
  check(!relaxed || hasRelaxedSimd(), 'device', () => 'cpu: this engine has no relaxed SIMD; leave out relaxedSimd')
  const bytes = Uint8Array.from(atob(relaxed ? wasm.relaxed : wasm.simd), (letter) => letter.charCodeAt(0))
  check(WebAssembly.validate(bytes), 'unsupported', () => 'cpu: this engine has no WebAssembly SIMD; use a newer one')
  const memory = new WebAssembly.Memory({ initial: 64, maximum: mostPages })
  const module = await WebAssembly.compile(bytes)
  const instances = Array.from({ length: options.lanes ?? 1 }, () =>
    WebAssembly.instantiate(module, { env: { memory } }),
  )
  const lanes = (await Promise.all(instances)).map(({ exports }) => exports as unknown as KernelExports)
  return new CpuDevice(memory, lanes, relaxed, options.profile ?? false)
}

/** The CPU engine as a `Device`. Work is done when the call returns. */
export class CpuDevice implements Device {
  readonly kind = 'cpu'
  readonly description: string
  readonly memory: Memory
  /** Cost of each kernel so far; null unless asked for. */
  readonly profile: Map<KernelName, KernelCost> | null
  readonly #heap: CpuHeap
  readonly #lanes: readonly KernelExports[]
  #wasm: WebAssembly.Memory | null
  #lastTurn = 0

  constructor(memory: WebAssembly.Memory, lanes: readonly KernelExports[], relaxed: boolean, profile: boolean) {
    this.description = `CPU engine (WebAssembly, ${relaxed ? 'relaxed ' : ''}SIMD, 1 thread)`
    this.profile = profile ? new Map() : null
    this.#wasm = memory
    this.#lanes = lanes
    this.#heap = new CpuHeap(
      {
        byteLength: () => memory.buffer.byteLength,
        growTo: (bytes) => memory.grow(Math.ceil(bytes / pageBytes) - memory.buffer.byteLength / pageBytes),
      },
      Math.max(...lanes.map((lane) => lane.heapBase())),
    )
    for (const lane of lanes) {
      const bytes = lane.scratchBytes()
      lane.setScratch(this.#heap.create(bytes, 'scratch').pointer, bytes)
    }
    this.memory = new Memory(this.#heap)
  }

  upload(target: Binding, bytes: ArrayBufferView): void {
    const to = this.#window('upload', target)
    check(
      bytes.byteLength === target.byteLength,
      'shape',
      () => `upload: ${target.buffer.label} takes ${target.byteLength} bytes, given ${bytes.byteLength}`,
    )
    to.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  }

  async download(source: Binding): Promise<Uint8Array<ArrayBuffer>> {
    return this.#window('download', source).slice()
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
    to.set(from)
  }

  run<K extends KernelName>(name: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#open()
    const row = kernels[name] as unknown as KernelRow
    const values: Readonly<Record<string, number>> = params
    const operands = addressesOf(name, bindings, this.#heap, this.memory)
    for (const param of Object.keys(row.params)) {
      const value = values[param]
      check(value !== undefined, 'device', () => `${name}: parameter ${param} is missing`)
      operands.push(value)
    }
    const start = this.profile === null ? 0 : performance.now()
    this.#dispatch(name, operands, row.items(values))
    if (this.profile !== null) this.#account(this.profile, name, performance.now() - start)
  }

  /** All work is done already; lets the event loop turn now and then, so that timers and signals are heard. */
  async settle(): Promise<void> {
    this.#open()
    if (performance.now() - this.#lastTurn < turnEvery) return
    await new Promise((resolve) => setTimeout(resolve, 0))
    this.#lastTurn = performance.now()
  }

  dispose(): void {
    this.#wasm = null
  }

  /** Hands shares of the work to the lanes: the one place that knows how many there are. */
  #dispatch(name: KernelName, operands: readonly number[], items: number): void {
    const share = Math.ceil(items / this.#lanes.length)
    this.#lanes.forEach((lane, i) => {
      const begin = i * share
      const end = Math.min(begin + share, items)
      if (begin >= end) return
      try {
        lane[name](...operands, begin, end)
      } catch (cause) {
        throw new MedAwareError('device', `${name}: stopped, it reached past its memory or scratch; check its sizes`, {
          cause,
        })
      }
    })
  }

  #account(profile: Map<KernelName, KernelCost>, name: KernelName, milliseconds: number): void {
    const cost = profile.get(name) ?? { calls: 0, milliseconds: 0 }
    cost.calls++
    cost.milliseconds += milliseconds
    profile.set(name, cost)
  }

  /** A view that is good until the memory grows. */
  #window(who: string, window: Binding): Uint8Array<ArrayBuffer> {
    const memory = this.#open()
    return new Uint8Array(memory.buffer, addressOf(who, window, this.#heap, this.memory), window.byteLength)
  }

  #open(): WebAssembly.Memory {
    check(this.#wasm !== null, 'device', () => 'cpu: the device was disposed of; open another')
    return this.#wasm
  }
}
