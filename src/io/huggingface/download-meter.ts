import type { DownloadProgress, HubFolderOptions } from './hub-folder-options.ts'

/** Reports a file's bytes about once a megabyte, with their rate since the first that came now. */
export function downloadMeter(
  file: string,
  report: HubFolderOptions['onDownload'],
): (done: number, total: number) => void {
  let reported = 0
  let start: { readonly at: number; readonly done: number } | null = null
  return (done, total) => {
    start ??= { at: performance.now(), done }
    if (done < total && done - reported < 1 << 20) return
    reported = done
    const [bytes, seconds] = [done - start.done, (performance.now() - start.at) / 1000]
    const bytesPerSecond = bytes > 0 && seconds > 0 ? bytes / seconds : 0
    const secondsLeft = done === total ? 0 : bytesPerSecond === 0 ? null : (total - done) / bytesPerSecond
    const progress: DownloadProgress = { phase: 'download', file, done, total, bytesPerSecond, secondsLeft }
    report?.(progress)
  }
}
