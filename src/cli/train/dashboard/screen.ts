import { paintLine, type StyledLine } from './styled-line.ts'

/** A terminal that is drawn on, such as `process.stderr`. */
export interface Terminal {
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** How lines look on it. */
export interface ScreenLook {
  readonly ellipsis: string
  readonly hasColors: boolean
}

/** The alternate screen, without a cursor, where what is too long is cut off; and back to what was there before. */
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'
/** A terminal that knows these shows what is between them at once. */
const together = { begin: '\u001b[?2026h', end: '\u001b[?2026l' }
/** What a terminal has that does not say: VT100's. */
const usual = { columns: 80, rows: 24 }

/**
 * Draws frames in place, on the alternate screen, so that neither what was there before nor a resized window spoils
 * them: each in one write, and of each line only what has changed.
 */
export class Screen {
  #shown: string[] | null = null
  #width = 0
  #height = 0
  readonly #terminal: Terminal
  readonly #look: ScreenLook

  constructor(terminal: Terminal, look: ScreenLook) {
    this.#terminal = terminal
    this.#look = look
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#terminal
    // A terminal whose size nobody has set says 0.
    return { columns: columns || usual.columns, rows: rows || usual.rows }
  }

  get isOpen(): boolean {
    return this.#shown !== null
  }

  open(): void {
    if (this.#shown !== null) return
    this.#terminal.write(enter)
    this.#shown = []
  }

  /** Shows a frame in the place of the one before. */
  draw(lines: readonly StyledLine[]): void {
    if (this.#shown === null) return
    const { columns, rows } = this.size
    const isResized = columns !== this.#width || rows !== this.#height
    const before = isResized ? [] : this.#shown
    ;[this.#width, this.#height] = [columns, rows]
    const next = lines.slice(0, rows).map((line) => paintLine(line, columns, this.#look))
    const changes: string[] = isResized ? ['\u001b[2J'] : []
    for (let row = 0; row < Math.max(next.length, before.length); row++) {
      const text = next[row] ?? ''
      if (text !== (before[row] ?? '')) changes.push(`\u001b[${row + 1};1H${text}\u001b[K`)
    }
    this.#shown = next
    if (changes.length > 0) this.#terminal.write(together.begin + changes.join('') + together.end)
  }

  /** Draws the next frame whole, as something else may have been written over it. */
  forget(): void {
    this.#width = 0
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (this.#shown === null) return
    this.#shown = null
    this.forget()
    this.#terminal.write(leave)
  }

  /** Leaves lines where they stay, once it is closed. */
  leave(lines: readonly StyledLine[]): void {
    const { columns } = this.size
    this.#terminal.write(lines.map((line) => `${paintLine(line, columns, this.#look)}\n`).join(''))
  }
}
