import type { PrepareProgress } from '../../data/prepare-options.ts'
import type { LoadProgress } from '../../io/load/load-options.ts'
import { showBytes } from '../../io/plan/memory-advice.ts'
import { duration } from './duration.ts'

/** How far something is. */
export interface Stage {
  /** What is done, such as `loading`. */
  readonly verb: string
  /** Of the whole, in [0, 1]. */
  readonly share: number
  readonly bytes: number
  readonly of: string
}

/** How far a model is: its download by bytes, its loading by tensors. */
export function loadStage(progress: LoadProgress): Stage {
  if (progress.phase === 'download') {
    const { file, done, total } = progress
    return { verb: `downloading ${file}`, share: done / total, bytes: done, of: showBytes(total) }
  }
  const { done, total, bytesDone } = progress
  return { verb: 'loading', share: done / total, bytes: bytesDone, of: `${done}/${total} tensors` }
}

/** How much, how fast, and how long it will take, after so many milliseconds. */
export function stagePace({ share, bytes, of }: Stage, elapsed: number): string {
  const rate = `${showBytes(Math.round((1000 * bytes) / Math.max(1, elapsed)))}/s`
  const left = share > 0 ? `  ${duration((elapsed / 1000 / share) * (1 - share))} left` : ''
  return `${showBytes(bytes)} of ${of}  ${rate}${left}`
}

/** How many rows have been made examples of. */
export function rowsPace({ rows, total, rowsPerSecond, secondsLeft }: PrepareProgress): string {
  const of = total === null ? '' : ` of ${total}`
  const left = secondsLeft === null ? '' : `  ${duration(secondsLeft)} left`
  return `${rows}${of}  ${Math.round(rowsPerSecond)}/s${left}`
}

/** How many examples have been measured, after so many milliseconds. */
export function measuringPace(done: number, total: number, elapsed: number): string {
  const seconds = Math.max(1, elapsed) / 1000
  const left = done > 0 ? `  ${duration((seconds / done) * (total - done))} left` : ''
  return `${done}/${total} rows  ${(done / seconds).toFixed(1)}/s${left}`
}
