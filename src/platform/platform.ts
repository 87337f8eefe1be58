import type { Fetch } from '../safetensors/http-client.ts'
import type { ByteSource } from '../safetensors/source.ts'
import type { CacheAnswer } from './cache-store.ts'
import type { Disk } from './disk.ts'

/**
 * WebGPU's entry, the standard's `GPU`: `navigator.gpu` in browsers, Dawn in Node. Described by what it does, as the
 * adapter is, so that who uses the package needs no types of WebGPU, and may have any.
 */
export interface Gpu {
  requestAdapter(options?: { readonly powerPreference?: PowerPreference }): Promise<GpuAdapter | null>
}

/** The standard's `GPUAdapter`, as far as one can be chosen by it. */
export interface GpuAdapter {
  readonly info: {
    readonly vendor: string
    readonly architecture: string
    readonly device: string
    readonly description: string
  }
  readonly features: ReadonlySet<string>
  readonly limits: object
  requestDevice(): Promise<unknown>
}

/** Which adapter of several is meant. */
export type PowerPreference = 'high-performance' | 'low-power'

/** WebGPU where there is any, else why there is none. */
export type GpuAnswer = { readonly gpu: Gpu } | { readonly reason: string }

/** How WebGPU is wanted. */
export interface GpuRequest {
  /**
   * Timestamps of whole nanoseconds, where the platform can be told to: Dawn and browsers round them. Default false.
   */
  readonly exactTimestamps?: boolean
  /** Whether a software adapter is of no use, so that a platform that knows of no GPU need not ask. Default false. */
  readonly hardwareOnly?: boolean
}

/** A thread beside this one. It keeps no program alive. */
export interface StartedWorker {
  /** Whether it is known to have ended, by `stop` or by itself. Known only after the event loop has turned. */
  readonly hasEnded: boolean
  /** Ends it, whatever it does. */
  stop(): void
}

/** A file that is made while it is written. */
export interface FileToWrite {
  /** Below the folder it is written into; folders of it are made. */
  readonly name: string
  readonly byteLength: number
  /** Its bytes, front to back; asked for once, when the files before it are written. */
  readonly pieces: () => AsyncIterable<Uint8Array>
}

/** What differs between Node and browsers. `#platform` is one of the two modules that have this face. */
export interface Platform {
  readonly platformName: 'node' | 'browser'
  /** WebGPU with at least one adapter, or the reason why there is none, as a sentence without a full stop. */
  requestGpu(request?: GpuRequest): Promise<GpuAnswer>
  /** Waits for work of the GPU's, and leaves the processor to others meanwhile where it would be kept busy asking. */
  waitForGpu<T>(work: Promise<T>): Promise<T>
  /** Lets the event loop turn once, so that timers, messages and signals that are due are heard. */
  nextTurn(): Promise<void>
  /** Threads that can run at the same time. */
  availableThreads(): number
  /**
   * Runs a script in a thread of its own, where `port` is its line to this one, and sends it `orders`. Resolves when it
   * has sent anything back; rejects when it cannot be started or fails before.
   */
  startWorker(script: string, orders: unknown): Promise<StartedWorker>
  /**
   * Switches on what the JavaScript engine keeps behind a flag for a build of the kernels, where that is safe; gives
   * the flag.
   */
  unlockSimd(build: 'relaxed' | 'wide'): string | null
  /** Takes back what `unlockSimd` did for the build, for what is compiled from here on. */
  lockSimd(build: 'wide'): void
  /** The processor and the engine, as far as the system names them: what was measured here holds there. */
  processorName(): string
  /** A file that is read in part. @throws MedAwareError `not-found`. */
  fileSource(path: string): Promise<ByteSource>
  /** @throws MedAwareError `not-found`. */
  readTextFile(path: string): Promise<string>
  /** Writes beside the file, then renames: readers see the old file or the whole new one. Makes the folder. */
  writeFileAtomic(path: string, bytes: Uint8Array | string): Promise<void>
  /**
   * Writes files into a folder, which it makes, so that all of them are there whole or none is: each beside its target,
   * and renamed when the last is done, in their order; then files whose names `isObsolete` knows are removed. When it
   * fails, what it wrote is removed and the folder is as before. What a stopped program left half written there goes
   * first.
   * @throws MedAwareError `disk` when there is no room or no permission; and what `pieces` throws.
   */
  writeFilesAtomic(
    folder: string,
    files: readonly FileToWrite[],
    isObsolete?: (fileName: string) => boolean,
  ): Promise<void>
  /** Names in a folder, sorted. @throws MedAwareError `not-found`. */
  listFolder(path: string): Promise<string[]>
  fileExists(path: string): Promise<boolean>
  /** Files that outlast the program; null where there are none. */
  readonly disk: Disk | null
  /** Where downloads are kept: the disk in Node, what the browser lets a page keep. Asked for again, it is the same. */
  openCacheStore(): Promise<CacheAnswer>
  /** Asks the browser not to clear what is kept when room is short; whether it will not. Never rejects. */
  persistStorage(): Promise<boolean>
  /**
   * The address that a text means beside the page, or beside a worker's script; null where texts are paths (Node), or
   * nothing can be beside it.
   */
  resolveAddress(text: string): URL | null
  /** The address of a file, for what reads it by that (Node only). */
  fileUrl(path: string): URL
  /** The optional package `@huggingface/hub`; null where it is not installed, or has to be handed over: in a page. */
  importHubLibrary(): Promise<unknown>
  /** `fetch`, by the proxies that the environment names. */
  readonly fetch: Fetch
  /** A variable of the environment, if it is set and not empty. */
  environment(name: string): string | undefined
  /**
   * A text kept from an earlier time under a file's name, or null: it is not there, or cannot be had. Never rejects.
   */
  readCache(name: string): Promise<string | null>
  /** Keeps a text for a later time, whole or not at all, where the platform allows it. Never rejects. */
  writeCache(name: string, text: string): Promise<void>
  /** The folder of these texts, where other programs may put files too; null where there is none. Never throws. */
  ownCacheFolder(): string | null
}
