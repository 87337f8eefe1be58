import { readFile } from 'node:fs/promises'
import { availableParallelism, homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { messageOf } from '../core/errors.ts'
import { nodeDisk } from './node-disk.ts'
import { mayHaveGpu } from './node-gpu-devices.ts'
import { codeOf } from './node-errors.ts'
import { variable } from './node-environment.ts'
import { openFile } from './node-file.ts'
import { writeFileAtomic } from './node-text-files.ts'
import type { GpuAnswer, Platform } from './platform.ts'

export { fetch } from './node-fetch.ts'
export { waitForGpu } from './node-gpu-wait.ts'
export { lockSimd, processorName, unlockSimd } from './node-processor.ts'
export { fileExists, listFolder, readTextFile, writeFileAtomic } from './node-text-files.ts'
export { writeFilesAtomic } from './node-write-files.ts'

/** Which of the two platforms this is. */
export const platformName = 'node'

/** Asked for once by its flags and kept: Dawn crashes Node when its GPU object is collected before its devices. */
const answers = new Map<string, Promise<GpuAnswer>>()

/** Dawn, from the optional peer dependency `webgpu`, if it finds an adapter. */
export const requestGpu: Platform['requestGpu'] = async ({ exactTimestamps = false, hardwareOnly = false } = {}) => {
  if (hardwareOnly && !(await mayHaveGpu())) return { reason: 'this machine has no GPU, or keeps it from this process' }
  const flags = exactTimestamps ? ['disable-dawn-features=timestamp_quantization'] : []
  const answer = answers.get(flags.join()) ?? findGpu(flags)
  answers.set(flags.join(), answer)
  // What failed for now may work the next time.
  answer.catch(() => answers.delete(flags.join()))
  return answer
}

async function findGpu(flags: string[]): Promise<GpuAnswer> {
  let gpu: GPU
  try {
    const dawn = await import('webgpu')
    gpu = dawn.create(flags)
  } catch (cause) {
    if (codeOf(cause) === 'ERR_MODULE_NOT_FOUND') {
      return { reason: 'the package webgpu is not installed; run `npm install webgpu` for WebGPU in Node' }
    }
    return { reason: `the package webgpu does not work here, ${messageOf(cause)}` }
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) {
    return { reason: 'WebGPU finds no adapter; on Linux it needs a Vulkan driver and loader (libvulkan.so.1)' }
  }
  return { gpu }
}

/** The optional peer dependency, which only pushing needs. */
export const importHubLibrary: Platform['importHubLibrary'] = async () => {
  try {
    return await import('@huggingface/hub')
  } catch (error) {
    if (codeOf(error) === 'ERR_MODULE_NOT_FOUND') return null
    throw error
  }
}

export const fileUrl: Platform['fileUrl'] = (path) => pathToFileURL(path)

/** Texts are paths here. */
export const resolveAddress: Platform['resolveAddress'] = () => null

/** A round of the event loop, with what timers and sockets have for it: a timer of 0 would wait a millisecond. */
export const nextTurn: Platform['nextTurn'] = () => new Promise((resolve) => setImmediate(resolve))

/** What the process may use of the machine's cores. */
export const availableThreads: Platform['availableThreads'] = () => availableParallelism()

/** A worker thread without the flags, loaders and environment of this one, which it has no use for. */
export const startWorker: Platform['startWorker'] = (script, orders) =>
  new Promise((resolve, reject) => {
    const line = `const port = require('node:worker_threads').parentPort;`
    const worker = new Worker(line + script, { eval: true, execArgv: [], env: {} })
    const started = { hasEnded: false, stop: () => void worker.terminate() }
    worker.once('error', reject)
    worker.once('exit', () => {
      started.hasEnded = true
      reject(new Error('a worker thread ended before it was ready'))
    })
    worker.once('message', () => {
      worker.unref()
      resolve(started)
    })
    try {
      worker.postMessage(orders)
    } catch (error) {
      void worker.terminate()
      throw error
    }
  })

/** A file that is read in part. @throws MedAwareError `not-found`, `disk`. */
export const fileSource: Platform['fileSource'] = (path) => openFile(path)

/** Files that outlast the program. */
export const disk: Platform['disk'] = nodeDisk

/** The disk. */
export const openCacheStore: Platform['openCacheStore'] = async () => ({ store: nodeDisk })

/** Nobody clears a disk. */
export const persistStorage: Platform['persistStorage'] = async () => true

/** A variable of the process's environment; an empty one is none. */
export const environment: Platform['environment'] = variable

/** A file in the user's cache folder. */
export const readCache: Platform['readCache'] = async (name) => {
  try {
    return await readFile(cachePath(name), 'utf8')
  } catch {
    return null
  }
}

/** A file in the user's cache folder. */
export const writeCache: Platform['writeCache'] = async (name, text) => {
  try {
    await writeFileAtomic(cachePath(name), text)
  } catch {
    // No home, no room or no right to write there.
  }
}

/** The user's cache folder. */
export const ownCacheFolder: Platform['ownCacheFolder'] = () => {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  // The XDG specification has relative paths ignored.
  const folder = [XDG_CACHE_HOME, LOCALAPPDATA].find((path) => path !== undefined && isAbsolute(path))
  try {
    return join(folder ?? join(homedir(), '.cache'), 'peft-medaware')
  } catch {
    return null
  }
}

function cachePath(name: string): string {
  const folder = ownCacheFolder()
  if (folder === null) throw new Error('the user has no home')
  return join(folder, name)
}
