import { abortSignal, callback, type OptionRules, table } from '../../core/options.ts'
import { hubAliases, type HubOptions, hubRules } from './hub-settings.ts'

/** How far the download of a file is. */
export interface DownloadProgress {
  readonly phase: 'download'
  readonly file: string
  /** Bytes that are there, those of an earlier attempt included. */
  readonly done: number
  /** Bytes of the file. */
  readonly total: number
  /** What came by now, by the time it took; 0 before anything has. */
  readonly bytesPerSecond: number
  /** At that rate; null before anything has come. */
  readonly secondsLeft: number | null
}

/** How a model of the Hub is opened. */
export interface HubFolderOptions {
  readonly hub?: HubOptions
  readonly signal?: AbortSignal
  /** Called as bytes come, about once a megabyte. */
  readonly onDownload?: (progress: DownloadProgress) => void
  /** Called where files cannot be kept, and where a kept one was damaged and is fetched anew. */
  readonly onWarning?: (message: string) => void
}

/** Rules of `HubFolderOptions`. */
export const hubFolderRules: OptionRules<HubFolderOptions> = {
  hub: table(hubRules, hubAliases),
  signal: abortSignal,
  onDownload: callback<NonNullable<HubFolderOptions['onDownload']>>(),
  onWarning: callback<NonNullable<HubFolderOptions['onWarning']>>(),
}

/** What of a function's options is for the folder that it opens. */
export function folderOptions({ hub, signal, onDownload, onWarning }: HubFolderOptions): HubFolderOptions {
  return {
    ...(hub && { hub }),
    ...(signal && { signal }),
    ...(onDownload && { onDownload }),
    ...(onWarning && { onWarning }),
  }
}
