import { check } from '../core/errors.ts'
import type { Binding, Device, DeviceLimits, KernelBindings } from './device.ts'
import { KernelProfile } from './kernel-profile.ts'
import type { KernelName, KernelParams } from './kernels.ts'
import { Memory } from './memory.ts'
import { describeAdapter, requestDevice } from './webgpu-adapter.ts'
import { BindGroups, checkWindow } from './webgpu-bind-groups.ts'
import { asWebGpu, BufferPool } from './webgpu-buffers.ts'
import { Pipelines, rowOf } from './webgpu-pipelines.ts'
import { CommandQueue } from './webgpu-queue.ts'
import { bindingAlignment, type Call, type DispatchLimits, fitsBindings, pieces } from './webgpu-windows.ts'

export interface WebGpuOptions {
  /** Opened instead of the one `gpu` prefers. An adapter can be opened once. */
  readonly adapter?: GPUAdapter
  /** Which adapter of several is preferred. Default 'high-performance'. */
  readonly powerPreference?: GPUPowerPreference
  /**
   * Most bytes of released buffers kept for reuse. Default: so many that buffers live and kept together are no more than were
   * live at one time before, and 256 MiB in any case.
   */
  readonly idleBytes?: number
  /** Kernels queued before they are sent out; fewer where they are much work. Default 256. */
  readonly flushEvery?: number
  /**
   * Whether matrix products broadcast within subgroups instead of meeting in workgroup memory, where the adapter has subgroups
   * of at least 8 lanes. Default: on software adapters. Results may differ in the last bits between the two.
   */
  readonly subgroups?: boolean
  /**
   * Measure each kernel into `profile`, by the adapter's timestamps. Every kernel then has a pass of its own, so a step takes
   * longer. `openDevice` asks Dawn for exact ones; browsers, and a Dawn that the caller made, give multiples of 65 to 100 µs.
   * Default false.
   */
  readonly profile?: boolean
  /**
   * Most bytes that a kernel is given of a tensor at once; the work on a larger one is done in windows of it. A multiple of 256.
   * Default, and at most: the adapter's maxStorageBufferBindingSize (128 MiB on many).
   */
  readonly maxBindingBytes?: number
}

const defaultFlushEvery = 256

const mostGroups = 65535
const uploadChunk = 16 * 1024 * 1024
const uploadsPerSubmit = 4 * 1024 * 1024
const mapModeRead = 1 // GPUMapMode.READ: Node has no such global

/** Dawn's GPU object must outlive its devices: if it is collected first, Node crashes (npm webgpu 0.4 to 0.6). */
const inUse = new Map<WebGpuDevice, GPU>()

/**
 * Opens an adapter of `gpu` (`navigator.gpu` in browsers) as an engine.
 * @throws MedAwareError `device` when there is no adapter, or it gives no device.
 */
export async function openWebGpuDevice(gpu: GPU, options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const adapter =
    options.adapter ?? (await gpu.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' }))
  check(adapter !== null, 'device', () => `webgpu: there is no adapter; install a GPU driver, or use { device: 'cpu' }`)
  check(
    options.profile !== true || adapter.features.has('timestamp-query'),
    'unsupported',
    () => 'webgpu: profile needs timestamps, and this adapter or browser has no timestamp-query; leave profile out',
  )
  const device = new WebGpuDevice(await requestDevice(adapter), adapter.info, options)
  inUse.set(device, gpu)
  void device.gpu.lost.then(() => inUse.delete(device))
  return device
}

/** A WebGPU adapter as a `Device`. */
export class WebGpuDevice implements Device {
  readonly kind = 'webgpu'
  readonly description: string
  /** Whether a CPU stands in for the adapter. */
  readonly isSoftware: boolean
  readonly memory: Memory
  readonly profile: KernelProfile | null
  /** The device underneath, for code that shares it. */
  readonly gpu: GPUDevice
  readonly #queue: CommandQueue
  readonly #pool: BufferPool
  readonly #pipelines: Pipelines
  readonly #bindGroups: BindGroups
  /** Most bytes of a binding. */
  readonly #bindingBytes: number
  #uploaded = 0

  constructor(gpu: GPUDevice, info: GPUAdapterInfo, options: WebGpuOptions = {}) {
    const facts = describeAdapter(info)
    this.description = facts.description
    this.isSoftware = facts.isSoftware
    this.gpu = gpu
    this.profile = options.profile === true ? new KernelProfile() : null
    this.#queue = new CommandQueue(gpu, options.flushEvery ?? defaultFlushEvery, this.profile)
    this.#pool = new BufferPool(gpu, options.idleBytes ?? null, {
      createBuffer: (descriptor) => this.#queue.faults.createBuffer(descriptor, () => this.#held()),
      retire: ({ gpu: buffer, id }) => {
        this.#bindGroups.forget(id)
        this.#queue.retire(buffer)
      },
    })
    const canUse = gpu.features.has('subgroups') && (options.subgroups ?? this.isSoftware)
    this.#pipelines = new Pipelines(gpu, {
      isSoftware: this.isSoftware,
      subgroupLanes: canUse ? (info.subgroupMinSize ?? 0) : 0,
      hasMatrices: false,
    })
    this.memory = new Memory(this.#pool)
    const { maxBindingBytes = Infinity } = options
    check(
      maxBindingBytes === Infinity || (maxBindingBytes > 0 && maxBindingBytes % bindingAlignment === 0),
      'config',
      () => `webgpu: maxBindingBytes must be a multiple of ${bindingAlignment}, not ${maxBindingBytes}`,
    )
    this.#bindingBytes = Math.min(gpu.limits.maxStorageBufferBindingSize, maxBindingBytes)
    this.#bindGroups = new BindGroups(gpu, this.memory, this.#bindingBytes, this.#queue)
  }

  /** Bytes of released buffers kept for reuse, beside `memory.liveBytes`. */
  get idleBytes(): number {
    return this.#pool.idleBytes
  }

  get limits(): DeviceLimits {
    return { bufferBytes: this.gpu.limits.maxBufferSize, freeBytes: null }
  }

  /** Bind groups kept for calls to come. */
  get bindGroups(): number {
    return this.#bindGroups.count
  }

  upload(target: Binding, bytes: ArrayBufferView): void {
    this.#queue.throwFault()
    checkWindow(this.memory, target, 'upload')
    check(
      bytes.byteLength === target.byteLength,
      'shape',
      () => `upload: ${target.buffer.label} takes ${target.byteLength} bytes, given ${bytes.byteLength}`,
    )
    // What is queued may read the window's old content.
    this.#queue.flush()
    const { gpu } = asWebGpu(target.buffer).block
    const source = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
    const whole = source.length - (source.length % 4)
    for (let at = 0; at < whole; at += uploadChunk) {
      this.#write(gpu, target.byteOffset + at, source.subarray(at, Math.min(at + uploadChunk, whole)))
    }
    if (whole < source.length) {
      const last = new Uint8Array(4)
      last.set(source.subarray(whole))
      this.#write(gpu, target.byteOffset + whole, last)
    }
  }

  async download(source: Binding): Promise<Uint8Array<ArrayBuffer>> {
    this.#queue.throwFault()
    checkWindow(this.memory, source, 'download')
    const result = new Uint8Array(source.byteLength)
    const byteLength = roundUp(source.byteLength, 4)
    if (byteLength === 0) return result
    const staging = this.#pool.staging(byteLength)
    this.#queue.copy(asWebGpu(source.buffer).block.gpu, source.byteOffset, staging, 0, byteLength)
    this.#queue.flush()
    await this.#queue.faults.unlessLost('a download', staging.mapAsync(mapModeRead, 0, byteLength))
    result.set(new Uint8Array(staging.getMappedRange(0, byteLength), 0, source.byteLength))
    staging.unmap()
    this.#pool.releaseStaging(staging)
    await this.#queue.verdict()
    return result
  }

  copy(source: Binding, target: Binding): void {
    this.#queue.throwFault()
    checkWindow(this.memory, source, 'copy')
    checkWindow(this.memory, target, 'copy')
    const byteLength = source.byteLength
    check(
      byteLength === target.byteLength && byteLength % 4 === 0,
      'shape',
      () =>
        `copy: windows must have one length, a multiple of 4 bytes, ${source.buffer.label} has ${byteLength}, ` +
        `${target.buffer.label} ${target.byteLength}`,
    )
    if (byteLength === 0) return
    const from = asWebGpu(source.buffer).block.gpu
    const to = asWebGpu(target.buffer).block.gpu
    if (from !== to) {
      this.#queue.copy(from, source.byteOffset, to, target.byteOffset, byteLength)
      return
    }
    // WebGPU copies between two buffers only.
    const between = this.#pool.create(byteLength, `copy of ${source.buffer.label}`)
    this.#queue.copy(from, source.byteOffset, between.block.gpu, 0, byteLength)
    this.#queue.copy(between.block.gpu, 0, to, target.byteOffset, byteLength)
    this.#pool.destroy(between)
  }

  run<K extends KernelName>(name: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#queue.throwFault()
    const values: Readonly<Record<string, number>> = params
    const pipeline = this.#pipelines.get(name, values)
    const groups = pipeline.groups(values)
    if (fitsGroups(groups) && fitsBindings(bindings, this.#bindingBytes)) {
      this.#queue.dispatch(pipeline, this.#bindGroups.get(pipeline, bindings), values, groups)
    } else this.#runInPieces(name, { bindings, params: values })
  }

  async settle(): Promise<void> {
    this.#queue.throwFault()
    await this.#queue.settle()
  }

  dispose(): void {
    this.#queue.close()
    this.#bindGroups.clear()
    this.#pool.clear()
    this.gpu.destroy()
    inUse.delete(this)
  }

  #held(): string {
    return `${this.memory.liveBytes} bytes in use and ${this.#pool.idleBytes} kept for reuse`
  }

  #runInPieces(name: KernelName, call: Call): void {
    const limits: DispatchLimits = {
      bindingBytes: this.#bindingBytes,
      fitsGroups: (params) => fitsGroups(this.#pipelines.get(name, params).groups(params)),
    }
    for (const { bindings, params } of pieces(rowOf(name), call, limits)) {
      const pipeline = this.#pipelines.get(name, params)
      const groups = pipeline.groups(params)
      check(
        fitsGroups(groups),
        'shape',
        () => `${name}: needs ${groups.join(' × ')} workgroups, WebGPU takes ${mostGroups} on an axis; cut the work`,
      )
      this.#queue.dispatch(pipeline, this.#bindGroups.get(pipeline, bindings), params, groups)
    }
  }

  #write(gpu: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.gpu.queue.writeBuffer(gpu, offset, bytes)
    this.#uploaded += bytes.length
    if (this.#uploaded < uploadsPerSubmit) return
    // Dawn frees what it stages for uploads at a submit, and only then.
    this.gpu.queue.submit([])
    this.#uploaded = 0
  }
}

function fitsGroups(groups: readonly [number, number, number]): boolean {
  return groups[0] <= mostGroups && groups[1] <= mostGroups && groups[2] <= mostGroups
}

function roundUp(count: number, step: number): number {
  return Math.ceil(count / step) * step
}
