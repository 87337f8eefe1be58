import { usage } from './buffer-pool.ts'
import type { Batch, Copy, Dispatch } from './batch.ts'
import type { KernelProfile } from '../kernel-profile.ts'
import { Faults } from './faults.ts'
import { Forecast } from './forecast.ts'
import { ParamBytes, slotBytes } from './params.ts'
import type { Plan } from './programs/pipelines.ts'
import { KernelTimer } from './timer.ts'

/** Workgroups in a batch that are work enough to send out: a submit must not keep a slow adapter busy for seconds. */
const manyGroups = 2 ** 16

/**
 * Notes what is to be done and sends it out after so many dispatches, much work, or when asked. All of a batch is
 * encoded in one go: taking turns with the code that makes the calls would cost both their place in the processor's
 * caches.
 */
export class CommandQueue {
  readonly faults: Faults
  readonly #device: GPUDevice
  readonly #flushEvery: number
  /** Measures each dispatch, in a pass of its own; null where nobody asked. */
  readonly #timer: KernelTimer | null
  /** The parameters of a batch's dispatches where they vary: written once, just before the batch is submitted. */
  readonly #arena: GPUBuffer
  readonly #params: ParamBytes
  #dispatches: Dispatch[] = []
  #copies: Copy[] = []
  /** Places taken in the arena. */
  #slots = 0
  #groups = 0
  #batch = 0
  readonly #retired: GPUBuffer[] = []
  /** null where dispatches are measured, each with timestamps of its own. */
  readonly #forecast: Forecast | null

  /** @param profile Filled with what each dispatch took; the device must have timestamps. */
  constructor(device: GPUDevice, flushEvery: number, profile: KernelProfile | null) {
    this.faults = new Faults(device)
    this.#device = device
    this.#flushEvery = flushEvery
    this.#timer = profile && new KernelTimer(device, flushEvery, profile, this.faults)
    this.#forecast = profile ? null : new Forecast((batch) => this.#encodeAhead(batch))
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

  /** Batches whose commands were ready before their calls came. */
  get batchesForeseen(): number {
    return this.#forecast?.hits ?? 0
  }

  /** Makes something of a kernel's; what the adapter has against it is reported under the kernel's name. */
  naming<T>(name: string, make: () => T): T {
    return this.faults.naming(() => [name], make)
  }

  dispatch(plan: Plan, group: GPUBindGroup, params: Readonly<Record<string, number>>): void {
    const { pipeline, groups, whole } = plan
    const at = pipeline.varies ? slotBytes * this.#slots++ : null
    if (at !== null) this.#params.repack(whole, pipeline.params, params, at)
    this.#dispatches.push({ plan, group, at })
    this.#groups += groups[0] * groups[1] * groups[2]
    this.#timer?.add(pipeline.name, params)
    if (this.#dispatches.length === this.#flushEvery || this.#groups >= manyGroups) this.flush()
  }

  copy(source: GPUBuffer, sourceAt: number, target: GPUBuffer, targetAt: number, byteLength: number): void {
    this.#copies.push({ behind: this.#dispatches.length, source, sourceAt, target, targetAt, byteLength })
  }

  /** Sends out all that is queued. */
  flush(): void {
    if (!this.#isEmpty) {
      const batch = { dispatches: this.#dispatches, copies: this.#copies }
      if (this.#slots > 0) {
        this.#device.queue.writeBuffer(this.#arena, 0, this.#params.bytes, 0, this.#slots * slotBytes)
      }
      this.faults.naming(
        () => namesIn(batch),
        () => this.#submit(batch),
      )
      this.#dispatches = []
      this.#copies = []
      this.#slots = 0
      this.#groups = 0
      this.#batch++
    }
    for (const gpu of this.#retired.splice(0)) gpu.destroy()
  }

  /** Destroys a buffer once nothing that is queued names it. */
  retire(gpu: GPUBuffer): void {
    this.#forecast?.clear()
    if (this.#isEmpty) gpu.destroy()
    else this.#retired.push(gpu)
  }

  /** Sends out all and waits for it. @throws MedAwareError when the device was lost or refused any of it. */
  async settle(): Promise<void> {
    await this.flushAndWait('the wait for queued work', () => this.#device.queue.onSubmittedWorkDone())
    await this.verdict()
  }

  /** Sends out all and waits for what `begin` begins then. @throws MedAwareError when the device was lost. */
  async flushAndWait(who: string, begin: () => Promise<unknown>): Promise<void> {
    this.flush()
    const done = this.faults.unlessLost(who, begin())
    this.#forecast?.wait()
    // The caller may have more to do before it waits.
    queueMicrotask(() => {
      if (this.#isEmpty && this.faults.areNone) this.#forecast?.prepare()
    })
    await done
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
    this.#forecast?.clear()
    for (const gpu of this.#retired.splice(0)) gpu.destroy()
    this.#timer?.close()
    this.#arena.destroy()
  }

  get #isEmpty(): boolean {
    return this.#dispatches.length === 0 && this.#copies.length === 0
  }

  #submit(batch: Batch): void {
    const { commands = null, rest = batch } = this.#forecast?.meet(batch) ?? {}
    if (commands !== null && rest.dispatches.length + rest.copies.length === 0) {
      this.#device.queue.submit([commands])
      return
    }
    const encoder = this.#encodeBatch(rest)
    const read = this.#timer?.resolve(encoder)
    this.#device.queue.submit(commands === null ? [encoder.finish()] : [commands, encoder.finish()])
    read?.()
  }

  #encodeAhead(batch: Batch): GPUCommandBuffer {
    return this.faults.naming(
      () => namesIn(batch),
      () => this.#encodeBatch(batch).finish(),
    )
  }

  #encodeBatch({ dispatches, copies }: Batch): GPUCommandEncoder {
    const encoder = this.#device.createCommandEncoder({ label: 'kernels' })
    let done = 0
    for (const { behind, source, sourceAt, target, targetAt, byteLength } of copies) {
      this.#encode(encoder, dispatches.slice(done, behind), done)
      encoder.copyBufferToBuffer(source, sourceAt, target, targetAt, byteLength)
      done = behind
    }
    this.#encode(encoder, dispatches.slice(done), done)
    return encoder
  }

  /** Encodes dispatches in a pass, or each in one that is timed; the first is number `slot` of its batch. */
  #encode(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[], slot: number): void {
    let pass: GPUComputePassEncoder | null = null
    let set: GPUComputePipeline | null = null
    for (const { plan, group, at } of dispatches) {
      if (pass === null) {
        const writes = this.#timer?.writes(slot++)
        pass = encoder.beginComputePass({ label: 'kernels', ...(writes && { timestampWrites: writes }) })
        set = null
      }
      const { gpu } = plan.pipeline
      if (set !== gpu) pass.setPipeline((set = gpu))
      if (at === null) pass.setBindGroup(0, group)
      else pass.setBindGroup(0, group, [at])
      pass.dispatchWorkgroups(plan.groups[0], plan.groups[1], plan.groups[2])
      if (this.#timer === null) continue
      pass.end()
      pass = null
    }
    pass?.end()
  }
}

function namesIn({ dispatches }: Batch): readonly string[] {
  return [...new Set(dispatches.map(({ plan }) => plan.pipeline.name))]
}
