import type { LoadProgress } from '../io/load/load-options.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import type { PrepareProgress } from '../data/prepare-options.ts'
import type { SaveProgress } from '../io/save/save-model.ts'

/** What progress is shown on. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** How far something is. */
interface Stage {
  /** What is done, such as `loading`. */
  readonly verb: string
  /** Of the whole, in [0, 1]. */
  readonly share: number
  readonly bytes: number
  readonly of: string
}

const patience = 2000
const pauses = { terminal: 100, file: 10_000 } as const

/**
 * What takes longer than two seconds says on stderr how far it is, how fast, and how long it will take: on a terminal
 * in one line that rewrites itself, else in a line every ten seconds.
 */
export class ProgressLine {
  #kind = ''
  #started = 0
  #shown = -Infinity
  #isOpen = false

  /** @param now Milliseconds since any time. */
  constructor(
    private readonly stream: ProgressStream,
    private readonly now: () => number = Date.now,
  ) {}

  /** Shows how far `loadModel` is: a download by its bytes, loading by its tensors. */
  readonly load = (progress: LoadProgress): void => {
    if (progress.phase === 'download') {
      const { file, done, total } = progress
      this.#show({ verb: `downloading ${file}`, share: done / total, bytes: done, of: showBytes(total) })
    } else {
      const { done, total, bytesDone } = progress
      this.#show({ verb: 'loading', share: done / total, bytes: bytesDone, of: `${done}/${total} tensors` })
    }
  }

  /** Shows how far `saveModel` is. */
  readonly save = ({ file, bytesDone, bytesTotal }: SaveProgress): void => {
    this.#show({ verb: `writing ${file}`, share: bytesDone / bytesTotal, bytes: bytesDone, of: showBytes(bytesTotal) })
  }

  /** Shows how many rows have been made examples of. */
  readonly rows = ({ rows, total, rowsPerSecond, secondsLeft }: PrepareProgress): void => {
    const of = total === null ? '' : ` of ${total}`
    const left = secondsLeft === null ? '' : `  ${duration(secondsLeft)} left`
    this.status('reading', () => `reading rows  ${rows}${of}  ${Math.round(rowsPerSecond)}/s${left}`)
  }

  /**
   * Shows a line that the next one takes the place of; in a file, one every ten seconds.
   * @param kind What goes on: what is another kind begins anew. @param describe The line, after so many milliseconds.
   */
  status(kind: string, describe: (elapsed: number) => string): void {
    const now = this.now()
    if (this.#kind !== kind) {
      this.clear()
      this.#kind = kind
      this.#started = now
      this.#shown = -Infinity
    }
    const { isTTY = false, columns = 80 } = this.stream
    const elapsed = now - this.#started
    if (elapsed < patience || now - this.#shown < (isTTY ? pauses.terminal : pauses.file)) return
    this.#shown = now
    const text = describe(elapsed)
    if (isTTY) this.stream.write(`\r${text.slice(0, columns - 1)}\u001b[K`)
    else this.stream.write(`${text}\n`)
    this.#isOpen = isTTY
  }

  /** Says something in a line that stays. */
  say(text: string): void {
    if (this.#isOpen) this.stream.write('\r\u001b[K')
    this.#isOpen = false
    this.stream.write(`${text}\n`)
  }

  /** Says what is odd in a line that stays. */
  readonly warn = (message: string): void => {
    this.say(`warning: ${message}`)
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#isOpen) this.stream.write('\r\u001b[K')
    this.#isOpen = false
    this.#kind = ''
  }

  #show({ verb, share, bytes, of }: Stage): void {
    this.status(verb.split(' ')[0] ?? '', (elapsed) => {
      const rate = `${showBytes(Math.round((1000 * bytes) / elapsed))}/s`
      const left = share > 0 ? `  ${duration((elapsed / 1000 / share) * (1 - share))} left` : ''
      return `${verb}  ${showBytes(bytes)} of ${of}  ${rate}${left}`
    })
  }
}

/** 1:05 or 2:00:07. */
export function duration(seconds: number): string {
  const all = Math.max(0, Math.round(seconds))
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60]
  const pad = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(all % 60)}` : `${minutes}:${pad(all % 60)}`
}
