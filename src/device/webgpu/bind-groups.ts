import { check, MedAwareError } from '../../core/errors.ts'
import type { Binding } from '../device.ts'
import type { Memory } from '../memory.ts'
import { type Entry, NumbersMap } from './numbers-map.ts'
import type { KernelName } from '../register/kernels.ts'
import type { Params } from '../register/param-type.ts'
import { asWebGpu, usage, WebGpuBuffer } from './buffer-pool.ts'
import type { Pipeline, Plan } from './programs/pipelines.ts'
import { bindingAlignment } from './windows.ts'

type Windows = Readonly<Record<string, Binding | null>>

/** What bind groups ask of the queue. */
export interface BindingQueue {
  /** Where a plan's calls find their parameters, as binding 0 wants it. */
  paramsBinding(plan: Plan): GPUBufferBinding
  /** Number of the batch that is being queued. */
  readonly batch: number
  /** Makes something of a kernel's; what the adapter has against it is reported under the kernel's name. */
  naming<T>(name: string, make: () => T): T
}

/** A bind group, and the call that used it last. */
export interface Bound {
  readonly group: GPUBindGroup
  plan: Plan
  /** The call's parameters, in the kernel's order. */
  values: readonly number[]
}

const mostKept = 8192
const none = -1

/** Checks what a kernel is given and makes the bind group for it, or finds the one it made before. */
export class BindGroups {
  /** By plan or kernel, and windows: block id, first byte and length of each, block -1 for none. */
  readonly #known = new NumbersMap<Bound>()
  readonly #byBlock = new Map<number, Set<Entry<Bound>>>()
  readonly #device: GPUDevice
  readonly #memory: Memory
  readonly #queue: BindingQueue
  /** Most bytes of a binding. */
  readonly #limit: number
  /** Bound where a kernel is given `null`. */
  readonly #nothing: GPUBuffer

  constructor(device: GPUDevice, memory: Memory, limit: number, queue: BindingQueue) {
    this.#device = device
    this.#memory = memory
    this.#limit = limit
    this.#queue = queue
    this.#nothing = device.createBuffer({ label: 'nothing', size: 256, usage: usage.storage })
  }

  /** Bind groups kept for calls to come. */
  get count(): number {
    return this.#known.size
  }

  /**
   * What did this very call the last time, where it is the one that came next then: a comparison, number by number,
   * instead of two searches. undefined where it is not, or is to be refused.
   */
  recall(name: KernelName, windows: Windows, params: Params): Bound | undefined {
    const { guess } = this.#known
    const bound = guess?.value
    if (guess === null || bound === undefined || bound.plan.pipeline.name !== name) return undefined
    const { bindings, params: layout, varies } = bound.plan.pipeline
    const { names, isWhole } = layout
    for (let i = 0; i < names.length; i++) {
      // Factors that vary are sent anew with every call.
      if ((!varies || isWhole[i] === true) && (params[names[i] ?? ''] ?? 0) !== bound.values[i]) return undefined
    }
    const { key } = guess
    const { batch } = this.#queue
    let at = 1
    for (const binding of bindings) {
      const window = windows[binding]
      if (window == null) {
        if (key[at] !== none) return undefined
      } else {
        const { buffer, byteOffset, byteLength } = window
        if (!(buffer instanceof WebGpuBuffer) || buffer.isFreed || buffer.block.id !== key[at]) return undefined
        if (byteOffset !== key[at + 1] || byteLength !== key[at + 2]) return undefined
        buffer.block.batch = batch
      }
      at += 3
    }
    this.#known.follow(guess)
    return bound
  }

  /**
   * The bind group that was made for a call before. @throws MedAwareError `device` for a buffer that has been freed.
   */
  find(plan: Plan, windows: Windows, params: Params): GPUBindGroup | undefined {
    const { id, pipeline } = plan
    const known = this.#known
    const { batch } = this.#queue
    known.start(id)
    for (const name of pipeline.bindings) {
      const window = windows[name]
      if (window == null) {
        known.push(none)
        known.push(0)
        known.push(0)
        continue
      }
      const buffer = asWebGpu(window.buffer)
      if (buffer.isFreed) throw freed(window, pipeline.name)
      buffer.block.batch = batch
      known.push(buffer.block.id)
      known.push(window.byteOffset)
      known.push(window.byteLength)
    }
    const bound = known.find()
    if (bound === undefined) return undefined
    if (bound.plan !== plan) {
      bound.plan = plan
      bound.values = valuesOf(plan, params)
    }
    return bound.group
  }

  /** @throws MedAwareError `shape`, `memory` or `device` for windows that WebGPU would refuse. */
  get(plan: Plan, windows: Windows, params: Params): GPUBindGroup {
    const found = this.find(plan, windows, params)
    if (found !== undefined) return found
    const { pipeline } = plan
    this.#check(pipeline, windows)
    const { name: label, layout, bindings } = pipeline
    const group = this.#queue.naming(label, () =>
      this.#device.createBindGroup({
        label,
        layout,
        entries: [
          { binding: 0, resource: this.#queue.paramsBinding(plan) },
          ...bindings.map((name, i) => ({ binding: i + 1, resource: this.#resource(windows[name] ?? null) })),
        ],
      }),
    )
    if (this.#known.size >= mostKept) this.clear()
    const entry = this.#known.add({ group, plan, values: valuesOf(plan, params) })
    for (const block of blocksOf(entry)) {
      const ofBlock = this.#byBlock.get(block)
      if (ofBlock === undefined) this.#byBlock.set(block, new Set([entry]))
      else ofBlock.add(entry)
    }
    return group
  }

  /** Drops what binds a block that is about to be destroyed, so that it keeps no bind group alive. */
  forget(blockId: number): void {
    for (const entry of this.#byBlock.get(blockId) ?? []) {
      this.#known.remove(entry)
      for (const id of blocksOf(entry)) if (id !== blockId) this.#byBlock.get(id)?.delete(entry)
    }
    this.#byBlock.delete(blockId)
  }

  clear(): void {
    this.#known.clear()
    this.#byBlock.clear()
  }

  #resource(window: Binding | null): GPUBufferBinding {
    if (window === null) return { buffer: this.#nothing }
    // WebGPU binds no empty window, and kernels see whole vec4; buffers are padded to them.
    const size = Math.max(16, Math.ceil(window.byteLength / 16) * 16)
    return { buffer: asWebGpu(window.buffer).block.gpu, offset: window.byteOffset, size }
  }

  #check(pipeline: Pipeline, windows: Windows): void {
    const limit = this.#limit
    const written = new Map<GPUBuffer, string>()
    const writes: readonly string[] = pipeline.row.writes
    for (const name of [...writes, ...pipeline.row.reads]) {
      const window = windows[name] ?? null
      const isWritten = writes.includes(name)
      if (window === null) {
        check(!isWritten, 'shape', () => `${pipeline.name}: ${name} is written and cannot be null`)
        continue
      }
      checkWindow(this.#memory, window, pipeline.name)
      const { label } = window.buffer
      check(
        window.byteOffset % bindingAlignment === 0,
        'shape',
        () => `${pipeline.name}: ${name} starts at byte ${window.byteOffset} of ${label}, not at a multiple of 256`,
      )
      check(
        window.byteLength <= limit,
        'memory',
        () =>
          `${pipeline.name}: ${name} (${label}) has ${window.byteLength} bytes, this adapter binds at most ${limit} ` +
          'at once; work on windows of it',
      )
      const { gpu } = asWebGpu(window.buffer).block
      const other = written.get(gpu)
      check(
        other === undefined,
        'shape',
        () => `${pipeline.name}: ${name} and ${other} are both in ${label}, and a kernel writes there; copy one first`,
      )
      if (isWritten) written.set(gpu, name)
    }
  }
}

/** @throws MedAwareError `shape` for a window that is not within its buffer, `device` for a freed buffer. */
export function checkWindow(memory: Memory, window: Binding, who: string): void {
  if (!memory.isLive(window.buffer)) throw freed(window, who)
  const { label, byteLength } = window.buffer
  check(
    window.byteOffset >= 0 && window.byteOffset % 4 === 0 && window.byteOffset + window.byteLength <= byteLength,
    'shape',
    () =>
      `${who}: bytes ${window.byteOffset} to ${window.byteOffset + window.byteLength} are no window of ${label}, ` +
      `which has ${byteLength}; a window starts at a multiple of 4`,
  )
}

function valuesOf({ pipeline }: Plan, params: Params): readonly number[] {
  return pipeline.params.names.map((name) => params[name] ?? 0)
}

function freed({ buffer }: Binding, who: string): MedAwareError {
  return new MedAwareError('device', `${who}: ${buffer.label} has been freed; keep it in its scope`)
}

/** Every third number of a key after the first is a block. */
function blocksOf({ key }: Entry<Bound>): ReadonlySet<number> {
  return new Set(key.filter((value, i) => i % 3 === 1 && value !== none))
}
