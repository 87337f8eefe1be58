import type { CommitEvent } from './hub-library.ts'
import type { PushedFile } from './plan-push.ts'

/** How far a push is. */
export interface PushProgress {
  /** Large files are hashed, then sent; small ones go with the commit. */
  readonly phase: 'hash' | 'upload' | 'commit'
  /** The file that it is about; of a commit the last. */
  readonly file: string
  /** Bytes of all files that this phase is done with. */
  readonly done: number
  readonly total: number
  readonly bytesPerSecond: number
  /** At that rate; null before anything is done. */
  readonly secondsLeft: number | null
}

const phases: Readonly<Record<string, PushProgress['phase']>> = { hashing: 'hash', uploading: 'upload' }

/** Makes progress of all files together out of what the library tells of each. */
export function pushMeter(
  files: readonly PushedFile[],
  report: ((progress: PushProgress) => void) | undefined,
): (event: CommitEvent) => void {
  const sizes = new Map(files.map(({ name, byteLength }) => [name, byteLength]))
  const total = files.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const reached = new Map<PushProgress['phase'], Map<string, number>>()
  const begun = new Map<PushProgress['phase'], number>()
  let isCommitting = false
  return (event) => {
    if (event.event === 'phase') {
      isCommitting = event.phase === 'committing'
      return
    }
    const phase = isCommitting ? 'commit' : phases[event.state]
    if (phase === undefined) return
    const own = reached.get(phase) ?? new Map<string, number>()
    reached.set(phase, own.set(event.path, event.progress * (sizes.get(event.path) ?? 0)))
    const start = begun.get(phase) ?? performance.now()
    begun.set(phase, start)
    const done = Math.round([...own.values()].reduce((sum, bytes) => sum + bytes, 0))
    const seconds = (performance.now() - start) / 1000
    const bytesPerSecond = seconds > 0 ? done / seconds : 0
    const secondsLeft = bytesPerSecond > 0 ? (total - done) / bytesPerSecond : null
    report?.({ phase, file: event.path, done, total, bytesPerSecond, secondsLeft })
  }
}
