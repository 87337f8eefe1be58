import type { Device } from '../../device/device.ts'
import type { DownloadProgress } from '../huggingface/hub-folder-options.ts'
import type { HubOptions } from '../huggingface/hub-settings.ts'
import type { WeightStorage } from './weight-storage.ts'

/** How a model is loaded. */
export interface LoadModelOptions extends WeightStorage {
  readonly device: Device
  /** Also measure what quantising changed; costs a decoding pass. Default false. */
  readonly measureError?: boolean
  /** Called as a download goes on, and after each tensor. */
  readonly onProgress?: (progress: LoadProgress) => void
  /** Called with what is odd about the checkpoint, but no reason to refuse it. */
  readonly onWarning?: (message: string) => void
  /** Stops downloading and loading: what was loaded is freed, what was downloaded is kept and gone on from. */
  readonly signal?: AbortSignal
  /** How the Hugging Face Hub is reached. */
  readonly hub?: HubOptions
}

/** How far a download is, in bytes, or loading, in tensors. */
export type LoadProgress = DownloadProgress | TensorProgress

/** How many tensors are on the device. */
export interface TensorProgress {
  readonly phase: 'load'
  readonly tensor: string
  readonly done: number
  readonly total: number
  readonly bytesDone: number
}
