import { MedAwareError } from '../core/errors.ts'
import type { Platform } from './platform.ts'

/** Which of the two platforms this is. */
export const platformName = 'browser'

/** `navigator.gpu` if it has an adapter. */
export const requestGpu: Platform['requestGpu'] = async () => {
  const gpu: GPU | undefined = typeof navigator === 'undefined' ? undefined : navigator.gpu
  if (gpu === undefined) {
    return { reason: 'this browser has no navigator.gpu; WebGPU needs a recent browser and a page served over https' }
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) return { reason: 'this browser has WebGPU but no adapter; see chrome://gpu or about:support' }
  return { gpu }
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const fileSource: Platform['fileSource'] = async (path) => {
  throw refuse('fileSource', path, 'use blobSource with a File the user chose, or urlSource')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const readTextFile: Platform['readTextFile'] = async (path) => {
  throw refuse('readTextFile', path, 'use file.text() or fetch')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const writeFileAtomic: Platform['writeFileAtomic'] = async (path) => {
  throw refuse('writeFileAtomic', path, 'make a Blob of the bytes and offer it as a download')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const listFolder: Platform['listFolder'] = async (path) => {
  throw refuse('listFolder', path, 'let the user choose files')
}

/** Browsers have no paths. @throws MedAwareError `unsupported`. */
export const fileExists: Platform['fileExists'] = async (path) => {
  throw refuse('fileExists', path, 'let the user choose files')
}

function refuse(who: string, path: string, instead: string): MedAwareError {
  return new MedAwareError('unsupported', `${who}: browsers have no path ${path}; ${instead}`)
}
