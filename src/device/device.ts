import { check } from '../core/errors.ts'
import { type Rule, withMethods } from '../core/options.ts'
import { show } from '../core/show.ts'
import type { DeviceBuffer } from './buffer.ts'
import type { KernelProfile } from './kernel-profile.ts'
import type { KernelName, KernelParams, KernelReads, KernelWrites } from './register/kernels.ts'
import type { Memory } from './memory.ts'

/** A window of a buffer, as kernels see it. `byteOffset` is a multiple of 256 on devices that need it. */
export interface Binding {
  readonly buffer: DeviceBuffer
  readonly byteOffset: number
  readonly byteLength: number
}

/** What kernel `K` is given: a binding for every name it writes, and one or `null` for every name it reads. */
export type KernelBindings<K extends KernelName> = { readonly [name in KernelReads<K>]: Binding | null } & {
  readonly [name in KernelWrites<K>]: Binding
}

/** How much a device can hold, as far as it says so. */
export interface DeviceLimits {
  /** Most bytes of one buffer. */
  readonly bufferBytes: number
  /** Bytes there is room for beside what is live; `null` where the device does not say, as no WebGPU adapter does. */
  readonly freeBytes: number | null
}

/** Names of programs by class of call, as plain JSON: what one device chose, another of its kind can be given. */
export type TuningChoices = Readonly<Record<string, string>>

/** Where numbers live and are worked on: the CPU engine or a WebGPU adapter. */
export interface Device {
  readonly kind: 'cpu' | 'webgpu'
  /** One line that names the hardware or engine. */
  readonly description: string
  /** Every buffer of this device, and the scopes that own them. */
  readonly memory: Memory
  /** What it can hold now. */
  readonly limits: DeviceLimits
  /** What each kernel has cost so far, after `settle` or `download`; null unless asked for. */
  readonly profile: KernelProfile | null
  /**
   * Which program does which class of calls, of those that were run, prepared or given: `WebGpuOptions.tuning` takes
   * it, here or on another machine like it, and the run gives the same bits. Empty where each kernel has one program.
   */
  readonly tuning: TuningChoices
  /** Copies host bytes into a window, whose length must equal theirs. */
  upload(target: Binding, bytes: ArrayBufferView): void
  /**
   * Copies a window back to the host, after all work queued before.
   * @param into Takes its bytes, and is returned: it has as many. Default: a new array.
   */
  download(source: Binding, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** Copies between two windows of equal length (a multiple of 4 bytes). */
  copy(source: Binding, target: Binding): void
  /**
   * Queues a kernel; runs in the order of the calls.
   * @throws MedAwareError `device-lost` when the device is gone, `device` when it has refused earlier work, `memory`
   * when it has none left.
   */
  run<K extends KernelName>(name: K, bindings: KernelBindings<K>, params: KernelParams<K>): void
  /**
   * Readies the device for work like `work`, before a run: WebGPU rehearses it (kernels, uploads and copies are noted
   * and not done; memory is allocated as usual, and the caller's scopes free it) and times the programs it has for the
   * calls it met. Programs are chosen here and nowhere else, so results never change in the middle of a run. The CPU
   * engine, and WebGPU where there is nothing to choose, resolve without running `work`, so it must change nothing
   * outside the device.
   * @throws MedAwareError as `run`; what `work` throws.
   */
  prepare(work: () => void): Promise<void>
  /**
   * Resolves when all queued work is done, and lets the event loop turn, so that signals are heard.
   * @throws MedAwareError as `run`.
   */
  settle(): Promise<void>
  /** Frees everything; the device cannot be used afterwards. */
  dispose(): void
}

/** @throws MedAwareError `config` for what are no bytes, `shape` where they are not as many as the window takes. */
export function checkUpload(target: Binding, bytes: ArrayBufferView): void {
  check(ArrayBuffer.isView(bytes), 'config', () => `upload: bytes must be a typed array, got ${show(bytes)}`)
  check(
    bytes.byteLength === target.byteLength,
    'shape',
    () => `upload: ${target.buffer.label} takes ${target.byteLength} bytes, given ${bytes.byteLength}`,
  )
}

/**
 * Where a window's bytes go: `into`, or a new array.
 * @throws MedAwareError `config` for what are no bytes, `shape` where they are not as many as the window has.
 */
export function roomFor({ buffer, byteLength }: Binding, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (into === undefined) return new Uint8Array(byteLength)
  check(into instanceof Uint8Array, 'config', () => `download: into must be a Uint8Array, got ${show(into)}`)
  check(into.byteLength === byteLength, 'shape', () => {
    return `download: ${buffer.label} has ${byteLength} bytes, there is room for ${into.byteLength}`
  })
  return into
}

/** A device that a caller gives. */
export const deviceRule: Rule<Device> = withMethods<Device>('a device, such as openDevice gives', ['upload', 'run'])
