import { check, MedAwareError } from '../core/errors.ts'
import type { Binding } from './device.ts'
import type { Memory } from './memory.ts'
import { asWebGpu, usage } from './webgpu-buffers.ts'
import type { Pipeline } from './webgpu-pipelines.ts'
import { bindingAlignment } from './webgpu-windows.ts'

type Windows = Readonly<Record<string, Binding | null>>

const mostKept = 4096

/** Checks what a kernel is given and makes the bind group for it, or finds the one it made before. */
export class BindGroups {
  readonly #known = new Map<string, GPUBindGroup>()
  readonly #device: GPUDevice
  readonly #memory: Memory
  readonly #paramsOf: (pipeline: Pipeline) => GPUBufferBinding
  /** Most bytes of a binding. */
  readonly #limit: number
  /** Bound where a kernel is given `null`. */
  readonly #nothing: GPUBuffer

  constructor(device: GPUDevice, memory: Memory, limit: number, paramsOf: (pipeline: Pipeline) => GPUBufferBinding) {
    this.#device = device
    this.#memory = memory
    this.#limit = limit
    this.#paramsOf = paramsOf
    this.#nothing = device.createBuffer({ label: 'nothing', size: 256, usage: usage.storage })
  }

  /** @throws MedAwareError `shape`, `memory` or `device` for windows that WebGPU would refuse. */
  get(pipeline: Pipeline, windows: Windows): GPUBindGroup {
    let key: string = pipeline.name
    for (const name of pipeline.bindings) {
      const window = windows[name]
      if (window) checkLive(this.#memory, window, pipeline.name)
      key += window ? ` ${asWebGpu(window.buffer).block.id},${window.byteOffset},${window.byteLength}` : ' -'
    }
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#check(pipeline, windows)
    const group = this.#device.createBindGroup({
      label: pipeline.name,
      layout: pipeline.layout,
      entries: [
        { binding: 0, resource: this.#paramsOf(pipeline) },
        ...pipeline.bindings.map((name, i) => ({ binding: i + 1, resource: this.#resource(windows[name] ?? null) })),
      ],
    })
    if (this.#known.size >= mostKept) this.#known.clear()
    this.#known.set(key, group)
    return group
  }

  clear(): void {
    this.#known.clear()
  }

  #resource(window: Binding | null): GPUBufferBinding {
    if (window === null) return { buffer: this.#nothing }
    // WebGPU binds no empty window, and array<u32> wants whole words; buffers are padded to them.
    const size = Math.max(4, Math.ceil(window.byteLength / 4) * 4)
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
  checkLive(memory, window, who)
  const { label, byteLength } = window.buffer
  check(
    window.byteOffset >= 0 && window.byteOffset % 4 === 0 && window.byteOffset + window.byteLength <= byteLength,
    'shape',
    () =>
      `${who}: bytes ${window.byteOffset} to ${window.byteOffset + window.byteLength} are no window of ${label}, ` +
      `which has ${byteLength}; a window starts at a multiple of 4`,
  )
}

function checkLive(memory: Memory, window: Binding, who: string): void {
  if (memory.isLive(window.buffer)) return
  throw new MedAwareError('device', `${who}: ${window.buffer.label} has been freed; keep it in its scope`)
}
