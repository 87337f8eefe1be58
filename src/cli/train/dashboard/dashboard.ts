import type { ReadStream, WriteStream } from 'node:tty'
import type { TrainingDisplay } from '../training-display.ts'
import { cleanText, wrapText } from './cells.ts'
import { frameOf } from './frame.ts'
import { glyphsFor } from './glyphs.ts'
import { Keyboard } from './keyboard.ts'
import { RunRecord, type RunNames } from './run-record.ts'
import type { Request, RunState } from './run-state.ts'
import { Screen } from './screen.ts'
import { piece } from './styled-line.ts'
import { isInForeground } from './surroundings.ts'

/** What a dashboard is drawn on, and hears keys from; null where nobody can press any. */
export interface DashboardTerminal {
  readonly output: WriteStream
  readonly input: ReadStream | null
}

/** Milliseconds: between two frames, before the first one, and between two looks whether a program is before a shell. */
const pauses = { frame: 200, first: 300, foreground: 3000 }
const finalRows = 32
const requests: Readonly<Record<string, Request>> = { s: 'save', e: 'measure', p: 'pause' }

/** Shows a training on a terminal, live, and does what keys ask for. */
export class Dashboard implements TrainingDisplay {
  readonly #record: RunRecord
  readonly #screen: Screen
  readonly #keyboard: Keyboard | null
  readonly #output: WriteStream
  readonly #glyphs = glyphsFor(process.env)
  readonly #signal: AbortSignal
  #isHelp = false
  #timer: NodeJS.Timeout

  /** @param signal What Ctrl-C aborts. */
  constructor(names: RunNames, { output, input }: DashboardTerminal, signal: AbortSignal) {
    this.#record = new RunRecord(names, () => {
      const { maxRSS } = process.resourceUsage()
      return { bytes: process.memoryUsage.rss(), peak: maxRSS * 1024 }
    })
    this.#output = output
    this.#screen = new Screen(output, { ellipsis: this.#glyphs.ellipsis, hasColors: output.hasColors() })
    this.#keyboard = input === null ? null : new Keyboard(input, this.#onKey)
    this.#signal = signal
    signal.addEventListener('abort', this.#onStop, { once: true })
    process.on('exit', this.#restore).on('uncaughtExceptionMonitor', this.#restore)
    if (process.platform !== 'win32') process.on('SIGTSTP', this.#onAside).on('SIGCONT', this.#onBack)
    output.on('resize', this.#draw)
    // What fails at once shows its error and no screen.
    this.#timer = setTimeout(this.#enter, pauses.first)
  }

  get load() {
    return this.#record.load
  }

  get rows() {
    return this.#record.rows
  }

  get warn() {
    return this.#record.warn
  }

  get callback() {
    return this.#record.callback
  }

  opened(...device: Parameters<RunRecord['opened']>): void {
    this.#record.opened(...device)
  }

  /** Gives the terminal back, and leaves there what it showed last, and every warning in full. */
  close(ending: NonNullable<RunState['ending']>): void {
    clearTimeout(this.#timer)
    this.#record.ending = ending
    this.#restore()
    this.#signal.removeEventListener('abort', this.#onStop)
    process.off('exit', this.#restore).off('uncaughtExceptionMonitor', this.#restore)
    process.off('SIGTSTP', this.#onAside).off('SIGCONT', this.#onBack)
    this.#output.off('resize', this.#draw)
    if (this.#record.report !== null) this.#screen.leave(this.#frame(finalRows))
    const width = this.#screen.size.columns
    const warnings = this.#record.warnings.flatMap((text) => wrapText(cleanText(`warning: ${text}`), width, ''))
    this.#screen.leave(warnings.map((text) => [piece(text, 'warning')]))
  }

  readonly #enter = (): void => {
    if (!isInForeground()) {
      this.#timer = setTimeout(this.#enter, pauses.foreground)
      return
    }
    this.#keyboard?.open()
    this.#screen.open()
    this.#timer = setInterval(this.#draw, pauses.frame)
    this.#draw()
  }

  readonly #draw = (): void => {
    if (this.#screen.isOpen) this.#screen.draw(this.#frame(this.#screen.size.rows))
  }

  readonly #restore = (): void => {
    this.#keyboard?.close()
    this.#screen.close()
  }

  #frame(rows: number) {
    const { columns } = this.#screen.size
    const [glyphs, hasKeys, isHelp] = [this.#glyphs, this.#keyboard !== null, this.#isHelp && rows !== finalRows]
    return frameOf(this.#record, { columns, rows, glyphs, hasKeys, isHelp, now: Date.now() })
  }

  readonly #onStop = (): void => {
    this.#record.ask('stop')
    this.#draw()
  }

  readonly #onKey = (key: string): void => {
    const request = requests[key]
    if (request !== undefined) this.#record.ask(request)
    // As the terminal would have done by itself.
    else if (key === 'q' || key === 'ctrl-c') process.kill(process.pid, 'SIGINT')
    else if (key === 'ctrl-z' && process.platform !== 'win32') process.kill(0, 'SIGTSTP')
    else if (key === 'ctrl-l') this.#screen.forget()
    else this.#isHelp = key === '?' && !this.#isHelp
    this.#draw()
  }

  readonly #onAside = (): void => {
    clearTimeout(this.#timer)
    this.#restore()
    // Heard signals stop nothing, and this one cannot be heard.
    process.kill(process.pid, 'SIGSTOP')
  }

  readonly #onBack = (): void => {
    clearTimeout(this.#timer)
    this.#enter()
  }
}
