import { usage } from '../buffer-pool.ts'

/** A program with all it needs to be dispatched. */
export interface Lap {
  readonly gpu: GPUComputePipeline
  readonly group: GPUBindGroup
  /** Places of the group's bindings that vary. */
  readonly offsets: readonly number[]
  readonly groups: readonly [number, number, number]
}

const mapModeRead = 1 // GPUMapMode.READ: Node has no such global
const queryResolve = 0x200 // GPUBufferUsage.QUERY_RESOLVE

interface Stamps {
  readonly set: GPUQuerySet
  readonly resolved: GPUBuffer
  readonly staging: GPUBuffer
}

/**
 * Times programs: by the adapter's timestamps where they make sense, which leaves out the way to the adapter and back,
 * else by the clock on the wall. Timestamps come in steps of 65,536 ns (Dawn) or 100 µs (Chrome).
 */
export class Stopwatch {
  readonly #device: GPUDevice
  #stamps: Stamps | null = null

  constructor(device: GPUDevice) {
    this.#device = device
    if (!device.features.has('timestamp-query')) return
    this.#stamps = {
      set: device.createQuerySet({ label: 'stopwatch', type: 'timestamp', count: 2 }),
      resolved: device.createBuffer({ label: 'stopwatch', size: 16, usage: queryResolve | usage.copySrc }),
      staging: device.createBuffer({ label: 'stopwatch', size: 16, usage: usage.mapRead | usage.copyDst }),
    }
  }

  /** Nanoseconds that a measurement should last for its steps, or the way to the adapter, not to count. */
  get least(): number {
    return this.#stamps === null ? 20e6 : 5e6
  }

  /**
   * Nanoseconds of so many dispatches of a program in one pass; null where the adapter refuses it.
   * @throws What the device's promises are rejected with when it is lost.
   */
  async time({ gpu, group, offsets, groups }: Lap, turns: number): Promise<number | null> {
    const device = this.#device
    const stamps = this.#stamps
    const start = performance.now()
    device.pushErrorScope('validation')
    const encoder = device.createCommandEncoder({ label: 'stopwatch' })
    const pass = encoder.beginComputePass({
      label: 'stopwatch',
      ...(stamps && {
        timestampWrites: { querySet: stamps.set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
      }),
    })
    pass.setPipeline(gpu)
    pass.setBindGroup(0, group, offsets)
    for (let turn = 0; turn < turns; turn++) pass.dispatchWorkgroups(...groups)
    pass.end()
    if (stamps) {
      encoder.resolveQuerySet(stamps.set, 0, 2, stamps.resolved, 0)
      encoder.copyBufferToBuffer(stamps.resolved, 0, stamps.staging, 0, 16)
    }
    device.queue.submit([encoder.finish()])
    const refusal = device.popErrorScope().catch(() => null)
    await Promise.race([device.queue.onSubmittedWorkDone(), device.lost])
    const wall = 1e6 * (performance.now() - start)
    if ((await refusal) !== null) return null
    if (stamps === null) return wall
    const stamped = await this.#read(stamps)
    // Some adapters have timestamps that stand still or run wild.
    const isCredible = stamped <= 1.5 * wall + 1e5 && (stamped > 0 || wall < 1e6)
    if (isCredible) return stamped
    this.dispose()
    return wall
  }

  dispose(): void {
    this.#stamps?.set.destroy()
    this.#stamps?.resolved.destroy()
    this.#stamps?.staging.destroy()
    this.#stamps = null
  }

  async #read({ staging }: Stamps): Promise<number> {
    await staging.mapAsync(mapModeRead)
    const [begin = 0n, end = 0n] = new BigInt64Array(staging.getMappedRange())
    const nanoseconds = Number(end - begin)
    staging.unmap()
    return nanoseconds
  }
}
