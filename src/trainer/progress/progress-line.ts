import { callback, type OptionRules, readArgument, readOptions, withMethods } from '../../core/options.ts'
import type { PrepareProgress } from '../../data/prepare-options.ts'
import type { LoadProgress } from '../../io/load/load-options.ts'
import { showBytes } from '../../io/plan/memory-advice.ts'
import type { SaveProgress } from '../../io/save/tensor-loader.ts'
import type { TrainerCallback } from '../trainer-callback.ts'
import { loadStage, measuringPace, rowsPace, type Stage, stagePace } from './stages.ts'
import { describeMetrics, describeStep } from './training-line.ts'

/** What progress is shown on, such as `process.stderr`. */
export interface ProgressStream {
  /** Whether it is a terminal, on which a line can be written over. Default false. */
  readonly isTTY?: boolean
  /** Letters of the terminal's line. Default 80. */
  readonly columns?: number
  write(text: string): unknown
}

/** How progress is shown. */
export interface ProgressOptions {
  /** Bytes that the process has, such as `() => process.memoryUsage.rss()`. Default: not shown. */
  readonly memoryBytes?: () => number
  /** Milliseconds since any time. Default `Date.now`. */
  readonly now?: () => number
}

const streamRule = withMethods<ProgressStream>('a stream with a method write, such as process.stderr', ['write'])
const rules: OptionRules<ProgressOptions> = { memoryBytes: callback(), now: callback() }

const patience = 2000
const pauses = { terminal: 100, file: 10_000 } as const

/**
 * What takes longer than two seconds says how far it is, how fast, and how long it will take: on a terminal in one line
 * that rewrites itself, else in a line every ten seconds. Its methods are made to be handed over: `loadModel` takes
 * `onProgress: line.load` and `onWarning: line.warn`, `train` takes `callbacks: [line.training]`.
 */
export class ProgressLine {
  #kind = ''
  #started = 0
  #shown = -Infinity
  #isOpen = false
  #measuredSince = 0
  readonly #stream: ProgressStream
  readonly #now: () => number
  readonly #memoryBytes: (() => number) | undefined

  /** @throws MedAwareError `config`. */
  constructor(stream: ProgressStream, options: ProgressOptions = {}) {
    const { memoryBytes, now = Date.now } = readOptions('ProgressLine', options, rules)
    this.#stream = readArgument('ProgressLine', 'the stream', stream, streamRule)
    this.#memoryBytes = memoryBytes
    this.#now = now
  }

  /** Shows how far `loadModel` is: a download by its bytes, loading by its tensors. */
  readonly load = (progress: LoadProgress): void => {
    this.#show(loadStage(progress))
  }

  /** Shows how far `saveModel` is. */
  readonly save = ({ file, bytesDone, bytesTotal }: SaveProgress): void => {
    this.#show({ verb: `writing ${file}`, share: bytesDone / bytesTotal, bytes: bytesDone, of: showBytes(bytesTotal) })
  }

  /** Shows how many rows have been made examples of. */
  readonly rows = (progress: PrepareProgress): void => {
    this.status('reading', () => `reading rows  ${rowsPace(progress)}`)
  }

  /** Shows how many examples `evaluateLoss` has measured. */
  readonly measuring = (done: number, total: number): void => {
    this.status('measuring', (elapsed) => `measuring  ${measuringPace(done, total, elapsed)}`)
  }

  /** Shows each step of a training, and leaves a line for each evaluation: a callback of `train` and `Trainer`. */
  readonly training: TrainerCallback = {
    name: 'progress',
    onStepEnd: (report, { history }) => {
      this.status('training', () => {
        const losses = history.training.map(({ loss }) => loss)
        return describeStep(report, losses, this.#memoryBytes?.() ?? null)
      })
    },
    onPredictionStep: (done, total) => {
      const now = this.#now()
      if (done === 0) this.#measuredSince = now
      const elapsed = now - this.#measuredSince
      // Short ones take no line from the training around them.
      if (elapsed >= patience) this.status('measuring', () => `measuring  ${measuringPace(done, total, elapsed)}`)
    },
    onEvaluate: ({ step, metrics }) => {
      this.say(`evaluation after step ${step}: ${describeMetrics(metrics)}`)
    },
    onTrainEnd: () => {
      this.clear()
    },
  }

  /**
   * Shows a line that the next one takes the place of; in a file, one every ten seconds.
   * @param kind What goes on: what is another kind begins anew. @param describe The line, after so many milliseconds.
   */
  status(kind: string, describe: (elapsed: number) => string): void {
    const now = this.#now()
    if (this.#kind !== kind) {
      this.clear()
      this.#kind = kind
      this.#started = now
      this.#shown = -Infinity
    }
    const { isTTY = false, columns = 80 } = this.#stream
    const elapsed = now - this.#started
    if (elapsed < patience || now - this.#shown < (isTTY ? pauses.terminal : pauses.file)) return
    this.#shown = now
    const text = describe(elapsed)
    if (isTTY) this.#stream.write(`\r${text.slice(0, columns - 1)}\u001b[K`)
    else this.#stream.write(`${text}\n`)
    this.#isOpen = isTTY
  }

  /** Says something in a line that stays. */
  say(text: string): void {
    if (this.#isOpen) this.#stream.write('\r\u001b[K')
    this.#isOpen = false
    this.#stream.write(`${text}\n`)
  }

  /** Says what is odd in a line that stays. */
  readonly warn = (message: string): void => {
    this.say(`warning: ${message}`)
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#isOpen) this.#stream.write('\r\u001b[K')
    this.#isOpen = false
    this.#kind = ''
  }

  #show(stage: Stage): void {
    const { verb } = stage
    this.status(verb.split(' ')[0] ?? '', (elapsed) => `${verb}  ${stagePace(stage, elapsed)}`)
  }
}
