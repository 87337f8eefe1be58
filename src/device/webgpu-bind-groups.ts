import { check, MedAwareError } from '../core/errors.ts'
import type { Binding } from './device.ts'
import type { Memory } from './memory.ts'
import { asWebGpu, usage } from './webgpu-buffers.ts'
import type { Pipeline } from './webgpu-pipelines.ts'
import { bindingAlignment } from './webgpu-windows.ts'

type Windows = Readonly<Record<string, Binding | null>>

/** A bind group, and the windows it binds: block id, first byte and length of each, block -1 for none. */
interface Known {
  readonly group: GPUBindGroup
  readonly layout: GPUBindGroupLayout
  readonly hash: number
  readonly windows: readonly number[]
}

/** What bind groups ask of the queue. */
export interface BindingQueue {
  /** The uniform buffer that kernels' parameters are read from, as binding 0 wants it. */
  paramsBinding(pipeline: Pipeline): GPUBufferBinding
  /** Makes something of a kernel's; what the adapter has against it is reported under the kernel's name. */
  naming<T>(name: string, make: () => T): T
}

const mostKept = 8192
const none = -1

/** Checks what a kernel is given and makes the bind group for it, or finds the one it made before. */
export class BindGroups {
  /** By layout, then by a hash of the windows. */
  readonly #known = new Map<GPUBindGroupLayout, Map<number, Known[]>>()
  readonly #byBlock = new Map<number, Set<Known>>()
  #count = 0
  /** The windows of the call at hand. */
  readonly #sought: number[] = []
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
    return this.#count
  }

  /** @throws MedAwareError `shape`, `memory` or `device` for windows that WebGPU would refuse. */
  get(pipeline: Pipeline, windows: Windows): GPUBindGroup {
    const { bindings, layout } = pipeline
    const sought = this.#sought
    let hash = 0
    let length = 0
    for (const name of bindings) {
      const window = windows[name]
      if (window) {
        if (!this.#memory.isLive(window.buffer)) throw freed(window, pipeline.name)
        const { id } = asWebGpu(window.buffer).block
        const { byteOffset, byteLength } = window
        sought[length] = id
        sought[length + 1] = byteOffset
        sought[length + 2] = byteLength
        hash = Math.imul(hash ^ id, 0x9e3779b1) ^ Math.imul(byteOffset + (byteLength << 3), 0x85ebca6b)
      } else {
        sought[length] = none
        sought[length + 1] = sought[length + 2] = 0
        hash = Math.imul(hash, 0x9e3779b1)
      }
      length += 3
    }
    const alike = this.#known.get(layout)?.get(hash)
    const known = alike?.find(({ windows: own }) => own.every((value, i) => value === sought[i]))
    return known?.group ?? this.#make(pipeline, windows, hash, sought.slice(0, length))
  }

  /** Drops what binds a block that is about to be destroyed, so that it keeps no bind group alive. */
  forget(blockId: number): void {
    for (const known of this.#byBlock.get(blockId) ?? []) {
      const ofLayout = this.#known.get(known.layout)
      const alike = ofLayout?.get(known.hash)?.filter((other) => other !== known) ?? []
      if (alike.length > 0) ofLayout?.set(known.hash, alike)
      else ofLayout?.delete(known.hash)
      this.#count--
      for (const id of blocksOf(known)) if (id !== blockId) this.#byBlock.get(id)?.delete(known)
    }
    this.#byBlock.delete(blockId)
  }

  clear(): void {
    this.#known.clear()
    this.#byBlock.clear()
    this.#count = 0
  }

  #make(pipeline: Pipeline, windows: Windows, hash: number, sought: readonly number[]): GPUBindGroup {
    this.#check(pipeline, windows)
    const { name: label, layout, bindings } = pipeline
    const group = this.#queue.naming(label, () =>
      this.#device.createBindGroup({
        label,
        layout,
        entries: [
          { binding: 0, resource: this.#queue.paramsBinding(pipeline) },
          ...bindings.map((name, i) => ({ binding: i + 1, resource: this.#resource(windows[name] ?? null) })),
        ],
      }),
    )
    if (this.#count >= mostKept) this.clear()
    this.#keep({ group, layout, hash, windows: sought })
    return group
  }

  #keep(known: Known): void {
    const ofLayout = entryOf(this.#known, known.layout, () => new Map<number, Known[]>())
    entryOf(ofLayout, known.hash, () => []).push(known)
    for (const id of blocksOf(known)) entryOf(this.#byBlock, id, () => new Set()).add(known)
    this.#count++
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

function freed({ buffer }: Binding, who: string): MedAwareError {
  return new MedAwareError('device', `${who}: ${buffer.label} has been freed; keep it in its scope`)
}

function blocksOf({ windows }: Known): ReadonlySet<number> {
  return new Set(windows.filter((value, i) => i % 3 === 0 && value !== none))
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
