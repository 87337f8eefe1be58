import { MedAwareError } from '../core/errors.ts'
import { usage } from './webgpu-buffers.ts'
import { packParams, paramBytes, type Pipeline } from './webgpu-pipelines.ts'

const slotBytes = 256 // at least minUniformBufferOffsetAlignment on every adapter

/** Keeps one encoder and one compute pass open, and sends them out after so many dispatches or when asked. */
export class CommandQueue {
  readonly #device: GPUDevice
  readonly #flushEvery: number
  /** The parameters of a batch's dispatches: written once, just before the batch is submitted. */
  readonly #arena: GPUBuffer
  readonly #params: DataView<ArrayBuffer>
  #encoder: GPUCommandEncoder | null = null
  #pass: GPUComputePassEncoder | null = null
  #names: string[] = []
  #retired: GPUBuffer[] = []
  #scopes: Promise<void>[] = []
  #fault: MedAwareError | null = null
  #isClosed = false
  readonly #lost: Promise<void>

  constructor(device: GPUDevice, flushEvery: number) {
    this.#device = device
    this.#flushEvery = flushEvery
    this.#params = new DataView(new ArrayBuffer(flushEvery * slotBytes))
    this.#arena = device.createBuffer({
      label: 'params',
      size: flushEvery * slotBytes,
      usage: usage.uniform | usage.copyDst,
    })
    device.addEventListener('uncapturederror', (event) => this.#refuse(event.error, []))
    this.#lost = device.lost.then((info) => {
      if (this.#isClosed) return
      this.#fault ??= new MedAwareError(
        'device',
        `webgpu: the device was lost (${[info.reason, info.message].filter((word) => word !== '').join(': ')}); ` +
          'open a new one and load the model again',
      )
    })
  }

  /** The uniform buffer that kernels' parameters are read from, as binding 0 wants it. */
  paramsBinding(pipeline: Pipeline): GPUBufferBinding {
    return { buffer: this.#arena, size: paramBytes(pipeline.row) }
  }

  dispatch(
    pipeline: Pipeline,
    group: GPUBindGroup,
    params: Readonly<Record<string, number>>,
    groups: readonly [number, number, number],
  ): void {
    const offset = this.#names.length * slotBytes
    packParams(pipeline.row, params, this.#params, offset)
    this.#pass ??= this.#open().beginComputePass({ label: 'kernels' })
    this.#pass.setPipeline(pipeline.gpu)
    this.#pass.setBindGroup(0, group, [offset])
    this.#pass.dispatchWorkgroups(...groups)
    this.#names.push(pipeline.name)
    if (this.#names.length === this.#flushEvery) this.flush()
  }

  copy(source: GPUBuffer, sourceAt: number, target: GPUBuffer, targetAt: number, byteLength: number): void {
    const encoder = this.#open()
    this.#pass?.end()
    this.#pass = null
    encoder.copyBufferToBuffer(source, sourceAt, target, targetAt, byteLength)
  }

  /** Sends out all that is queued. */
  flush(): void {
    const encoder = this.#encoder
    if (encoder !== null) {
      const names = [...new Set(this.#names)]
      this.#pass?.end()
      if (this.#names.length > 0) {
        this.#device.queue.writeBuffer(this.#arena, 0, this.#params.buffer, 0, this.#names.length * slotBytes)
      }
      this.#device.queue.submit([encoder.finish()])
      this.#encoder = null
      this.#pass = null
      this.#names = []
      this.#watch(names)
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
    await this.#device.queue.onSubmittedWorkDone().catch(() => this.#lost)
    await this.verdict()
  }

  /** Waits until it is known whether the device took all batches sent so far. @throws MedAwareError if not. */
  async verdict(): Promise<void> {
    await Promise.all(this.#scopes)
    this.throwFault()
  }

  /** Waits for the news of a loss, after a promise of the device was rejected. @throws MedAwareError always. */
  async failed(cause: unknown): Promise<never> {
    await Promise.race([this.#lost, new Promise((resolve) => setTimeout(resolve, 100))])
    await this.verdict()
    throw new MedAwareError('device', `webgpu: a download failed, ${messageOf(cause)}`, { cause })
  }

  /** @throws MedAwareError when the device was lost or has refused earlier work. */
  throwFault(): void {
    if (this.#fault !== null) throw this.#fault
  }

  close(): void {
    this.#isClosed = true
    this.#fault ??= new MedAwareError('device', 'webgpu: the device was disposed; open a new one')
    for (const gpu of this.#retired.splice(0)) gpu.destroy()
    this.#arena.destroy()
  }

  #open(): GPUCommandEncoder {
    if (this.#encoder === null) {
      this.#device.pushErrorScope('validation')
      this.#encoder = this.#device.createCommandEncoder({ label: 'kernels' })
    }
    return this.#encoder
  }

  #watch(names: readonly string[]): void {
    const scope = this.#device
      .popErrorScope()
      .then((error) => {
        if (error !== null) this.#refuse(error, names)
      })
      .catch(() => this.#lost)
      .finally(() => {
        this.#scopes = this.#scopes.filter((other) => other !== scope)
      })
    this.#scopes.push(scope)
  }

  #refuse(error: GPUError, names: readonly string[]): void {
    const where = names.length > 0 ? ` (in a batch of ${names.join(', ')})` : ''
    const isMemory = error.constructor.name === 'GPUOutOfMemoryError'
    this.#fault ??= isMemory
      ? new MedAwareError('memory', `webgpu: the adapter is out of memory, ${error.message}${where}`)
      : new MedAwareError('device', `webgpu: the adapter refused work, ${error.message}${where}`)
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
