import { usage } from './webgpu-buffers.ts'
import type { KernelProfile } from './kernel-profile.ts'
import { Faults } from './webgpu-faults.ts'
import { ParamBytes, slotBytes } from './webgpu-params.ts'
import type { Plan } from './webgpu-pipelines.ts'
import { KernelTimer } from './webgpu-timer.ts'

/** Workgroups in a batch that are work enough to send out: a submit must not keep a slow adapter busy for seconds. */
const manyGroups = 2 ** 16

/** Keeps one encoder and one compute pass open, and sends them out after so many dispatches, much work, or when asked. */
export class CommandQueue {
  readonly faults: Faults
  readonly #device: GPUDevice
  readonly #flushEvery: number
  /** Measures each dispatch, in a pass of its own; null where nobody asked. */
  readonly #timer: KernelTimer | null
  /** The parameters of a batch's dispatches where they vary: written once, just before the batch is submitted. */
  readonly #arena: GPUBuffer
  readonly #params: ParamBytes
  #encoder: GPUCommandEncoder | null = null
  #pass: GPUComputePassEncoder | null = null
  /** What the pass was last told to run. */
  #set: GPUComputePipeline | null = null
  #names: string[] = []
  /** Places taken in the arena. */
  #slots = 0
  #groups = 0
  #batch = 0
  readonly #retired: GPUBuffer[] = []

  /** @param profile Filled with what each dispatch took; the device must have timestamps. */
  constructor(device: GPUDevice, flushEvery: number, profile: KernelProfile | null) {
    this.faults = new Faults(device)
    this.#device = device
    this.#flushEvery = flushEvery
    this.#timer = profile && new KernelTimer(device, flushEvery, profile, this.faults)
    this.#params = new ParamBytes(flushEvery * slotBytes)
    this.#arena = device.createBuffer({
      label: 'params',
      size: flushEvery * slotBytes,
      usage: usage.uniform | usage.copyDst,
    })
  }

  /** Where a plan's calls find their parameters, as binding 0 wants it. */
  paramsBinding({ steady, pipeline }: Plan): GPUBufferBinding {
    return steady ?? { buffer: this.#arena, size: pipeline.params.byteLength }
  }

  /** Number of the batch that is being queued. */
  get batch(): number {
    return this.#batch
  }

  /** Makes something of a kernel's; what the adapter has against it is reported under the kernel's name. */
  naming<T>(name: string, make: () => T): T {
    return this.faults.naming([name], make)
  }

  dispatch({ pipeline, groups, whole }: Plan, group: GPUBindGroup, params: Readonly<Record<string, number>>): void {
    const [x, y, z] = groups
    const pass = (this.#pass ??= this.#begin())
    if (this.#set !== pipeline.gpu) pass.setPipeline((this.#set = pipeline.gpu))
    if (pipeline.varies) {
      const at = slotBytes * this.#slots++
      this.#params.repack(whole, pipeline.params, params, at)
      pass.setBindGroup(0, group, [at])
    } else {
      pass.setBindGroup(0, group)
    }
    pass.dispatchWorkgroups(x, y, z)
    this.#names.push(pipeline.name)
    this.#groups += x * y * z
    if (this.#timer !== null) {
      this.#timer.add(pipeline.name, params)
      this.#endPass()
    }
    if (this.#names.length === this.#flushEvery || this.#groups >= manyGroups) this.flush()
  }

  copy(source: GPUBuffer, sourceAt: number, target: GPUBuffer, targetAt: number, byteLength: number): void {
    const encoder = this.#open()
    this.#endPass()
    encoder.copyBufferToBuffer(source, sourceAt, target, targetAt, byteLength)
  }

  /** Sends out all that is queued. */
  flush(): void {
    const encoder = this.#encoder
    if (encoder !== null) {
      const names = [...new Set(this.#names)]
      this.#endPass()
      if (this.#slots > 0) {
        this.#device.queue.writeBuffer(this.#arena, 0, this.#params.bytes, 0, this.#slots * slotBytes)
      }
      const read = this.#timer?.resolve(encoder)
      this.#device.queue.submit([encoder.finish()])
      read?.()
      this.#encoder = null
      this.#names = []
      this.#slots = 0
      this.#groups = 0
      this.#batch++
      this.faults.end(names)
    }
    for (const gpu of this.#retired.splice(0)) gpu.destroy()
  }

  /** Destroys a buffer once nothing that is queued names it. */
  retire(gpu: GPUBuffer): void {
    if (this.#encoder === null) gpu.destroy()
    else this.#retired.push(gpu)
  }

  /** Sends out all and waits for it. @throws MedAwareError when the device was lost or refused any of it. */
  async settle(): Promise<void> {
    this.flush()
    await this.faults.unlessLost('the wait for queued work', this.#device.queue.onSubmittedWorkDone())
    await this.verdict()
  }

  /** Waits until all sent so far is known to be well, and is in the profile. @throws MedAwareError if it is not. */
  async verdict(): Promise<void> {
    await this.#timer?.settle()
    await this.faults.verdict()
  }

  /** @throws MedAwareError when the device was lost, disposed, or has refused earlier work. */
  throwFault(): void {
    this.faults.throwFirst()
  }

  close(): void {
    this.faults.close()
    for (const gpu of this.#retired.splice(0)) gpu.destroy()
    this.#timer?.close()
    this.#arena.destroy()
  }

  #open(): GPUCommandEncoder {
    if (this.#encoder === null) {
      this.faults.begin()
      this.#encoder = this.#device.createCommandEncoder({ label: 'kernels' })
    }
    return this.#encoder
  }

  #begin(): GPUComputePassEncoder {
    const writes = this.#timer?.writes(this.#names.length)
    return this.#open().beginComputePass({ label: 'kernels', ...(writes && { timestampWrites: writes }) })
  }

  #endPass(): void {
    this.#pass?.end()
    this.#pass = null
    this.#set = null
  }
}
