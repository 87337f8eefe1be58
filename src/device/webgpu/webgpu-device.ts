import { check } from '../../core/errors.ts'
import type { AdapterRecord } from './programs/adapter-record.ts'
import {
  type Binding,
  checkUpload,
  type Device,
  type DeviceLimits,
  type KernelBindings,
  roomFor,
  type TuningChoices,
} from '../device.ts'
import { KernelProfile } from '../kernel-profile.ts'
import type { KernelName, KernelParams } from '../register/kernels.ts'
import { Memory } from '../memory.ts'
import { rowOf } from '../row-of.ts'
import { describeAdapter } from './adapter.ts'
import { BindGroups, checkWindow } from './bind-groups.ts'
import { countWrites } from '../buffer.ts'
import { asWebGpu, BufferPool } from './buffer-pool.ts'
import type { WebGpuOptions } from './options.ts'
import type { Plan } from './programs/pipelines.ts'
import { Programs, traitsOf } from './programs/programs.ts'
import type { Texts } from './programs/texts.ts'
import { CommandQueue } from './queue.ts'
import type { Variant } from './programs/variant.ts'
import { type Call, fitsGroups, fitsWhole, mostGroups, pieces } from './windows.ts'

const defaultFlushEvery = 1024

const uploadChunk = 16 * 1024 * 1024
const uploadsPerSubmit = 4 * 1024 * 1024
const mapModeRead = 1 // GPUMapMode.READ: Node has no such global

/** A WebGPU adapter as a `Device`. */
export class WebGpuDevice implements Device {
  readonly kind = 'webgpu'
  readonly description: string
  /** Whether a CPU stands in for the adapter. */
  readonly isSoftware: boolean
  readonly memory: Memory
  readonly profile: KernelProfile | null
  /** What kernels are done by on this adapter. */
  readonly programs: Programs
  /** The device underneath, for code that shares it. */
  readonly gpu: GPUDevice
  readonly #queue: CommandQueue
  readonly #pool: BufferPool
  readonly #bindGroups: BindGroups
  /** Most bytes of a binding. */
  readonly #bindingBytes: number
  #uploaded = 0

  /**
   * @param texts What `loadTexts` gives for such an adapter.
   * @param record What is known of the adapter from earlier times; null where nothing is kept.
   */
  constructor(
    gpu: GPUDevice,
    info: GPUAdapterInfo,
    texts: Texts,
    options: WebGpuOptions = {},
    record: AdapterRecord | null = null,
  ) {
    const facts = describeAdapter(info)
    this.description = facts.description
    this.isSoftware = facts.isSoftware
    this.gpu = gpu
    this.profile = options.profile === true ? new KernelProfile() : null
    this.#queue = new CommandQueue(gpu, options.flushEvery ?? defaultFlushEvery, this.profile)
    // Asked once: it is a call into the browser or Dawn.
    const { maxBufferSize } = gpu.limits
    this.#pool = new BufferPool(maxBufferSize, options.idleBytes ?? null, {
      createBuffer: (descriptor) => this.#queue.faults.createBuffer(descriptor, () => this.#held()),
      retire: ({ gpu: buffer, id }) => {
        this.#bindGroups.forget(id)
        this.#queue.retire(buffer)
      },
    })
    const forget = () => {
      this.#queue.flush()
      this.#bindGroups.clear()
    }
    this.programs = new Programs(gpu, this.#queue, traitsOf(gpu, info, options), texts, options, record, forget)
    this.memory = new Memory(this.#pool)
    const { maxBindingBytes = Infinity } = options
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

  /** Batches of commands that were ready before the calls for them came. */
  get batchesForeseen(): number {
    return this.#queue.batchesForeseen
  }

  get tuning(): TuningChoices {
    return this.programs.choices.toJSON()
  }

  upload(target: Binding, bytes: ArrayBufferView): void {
    this.#queue.throwFault()
    checkWindow(this.memory, target, 'upload')
    checkUpload(target, bytes)
    if (this.programs.isRehearsing) return
    target.buffer.writes++
    const { gpu, batch } = asWebGpu(target.buffer).block
    // What is queued may read the window's old content.
    if (batch === this.#queue.batch) this.#queue.flush()
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

  async download(source: Binding, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    this.#queue.throwFault()
    checkWindow(this.memory, source, 'download')
    const result = roomFor(source, into)
    const byteLength = roundUp(source.byteLength, 4)
    if (byteLength === 0) return result
    const staging = this.#pool.staging(byteLength)
    this.#queue.copy(asWebGpu(source.buffer).block.gpu, source.byteOffset, staging, 0, byteLength)
    await this.#queue.flushAndWait('a download', () => staging.mapAsync(mapModeRead, 0, byteLength))
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
    if (byteLength === 0 || this.programs.isRehearsing) return
    target.buffer.writes++
    const from = asWebGpu(source.buffer).block
    const to = asWebGpu(target.buffer).block
    from.batch = to.batch = this.#queue.batch
    if (from !== to) {
      this.#queue.copy(from.gpu, source.byteOffset, to.gpu, target.byteOffset, byteLength)
      return
    }
    // WebGPU copies between two buffers only.
    const between = this.#pool.create(byteLength, `copy of ${source.buffer.label}`)
    between.block.batch = this.#queue.batch
    this.#queue.copy(from.gpu, source.byteOffset, between.block.gpu, 0, byteLength)
    this.#queue.copy(between.block.gpu, 0, to.gpu, target.byteOffset, byteLength)
    this.#pool.destroy(between)
  }

  run<K extends KernelName>(name: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#queue.throwFault()
    const values: Readonly<Record<string, number>> = params
    const call = { bindings, params: values }
    if (this.programs.isRehearsing) {
      for (const piece of this.#pieces(name, call)) this.programs.note(name, piece.bindings, piece.params)
      return
    }
    const recalled = this.#bindGroups.recall(name, bindings, values)
    if (recalled !== undefined) {
      countWrites(recalled.plan.pipeline.row.writes, bindings)
      this.#queue.dispatch(recalled.plan, recalled.group, values)
      return
    }
    countWrites(rowOf(name).writes, bindings)
    const plan = this.programs.pipelines.plan(name, values)
    const known = plan.fits ? this.#bindGroups.find(plan, bindings, values) : undefined
    if (known !== undefined) this.#queue.dispatch(plan, known, values)
    else if (plan.fits && fitsWhole(rowOf(name).cuts ?? [], call, this.#bindingBytes)) this.#dispatch(plan, call)
    else this.#runInPieces(name, call)
  }

  /** Queues a program whatever is chosen: for tests of programs. @throws MedAwareError as `run`. */
  runProgram<K extends KernelName>(program: Variant, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#queue.throwFault()
    const { pipelines } = this.programs
    this.#dispatch(pipelines.planOf(pipelines.of(program), params), { bindings, params })
  }

  async prepare(work: () => void): Promise<void> {
    this.#queue.throwFault()
    await this.programs.prepare(work)
  }

  async settle(): Promise<void> {
    this.#queue.throwFault()
    await this.#queue.settle()
  }

  dispose(): void {
    this.#queue.close()
    this.#bindGroups.clear()
    this.#pool.clear()
    this.programs.pipelines.dispose()
    this.gpu.destroy()
  }

  #held(): string {
    return `${this.memory.liveBytes} bytes in use and ${this.#pool.idleBytes} kept for reuse`
  }

  /** A call in the pieces that the adapter takes. */
  #pieces(name: KernelName, call: Call): Iterable<Call> {
    return pieces(rowOf(name).cuts ?? [], call, {
      bindingBytes: this.#bindingBytes,
      fitsGroups: (params) => fitsGroups(this.programs.choices.peek(name, params).groups(params)),
    })
  }

  #runInPieces(name: KernelName, call: Call): void {
    for (const piece of this.#pieces(name, call)) {
      this.#dispatch(this.programs.pipelines.plan(name, piece.params), piece)
    }
  }

  #dispatch(plan: Plan, { bindings, params }: Call): void {
    const { pipeline, groups, fits } = plan
    check(
      fits,
      'shape',
      () =>
        `${pipeline.name}: needs ${groups.join(' × ')} workgroups, WebGPU takes ${mostGroups} on an axis; cut the work`,
    )
    this.#queue.dispatch(plan, this.#bindGroups.get(plan, bindings, params), params)
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

function roundUp(count: number, step: number): number {
  return Math.ceil(count / step) * step
}
