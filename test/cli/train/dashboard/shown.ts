import xterm from '@xterm/headless'
import { frameOf, type FrameOptions } from '../../../../src/cli/train/dashboard/frame.ts'
import { glyphsFor } from '../../../../src/cli/train/dashboard/glyphs.ts'
import type { RunState } from '../../../../src/cli/train/dashboard/run-state.ts'
import { Screen } from '../../../../src/cli/train/dashboard/screen.ts'

/** A terminal as a person sees it, which Screen draws on. */
export class SeenTerminal {
  readonly written: string[] = []
  readonly #terminal: xterm.Terminal

  constructor(
    public columns: number,
    public rows: number,
  ) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true })
  }

  write(text: string): void {
    this.written.push(text)
  }

  resize(columns: number, rows: number): void {
    ;[this.columns, this.rows] = [columns, rows]
    this.#terminal.resize(columns, rows)
  }

  /** What was written since the last look goes to the terminal, and its lines come back. */
  async lines(): Promise<readonly string[]> {
    await new Promise<void>((done) => {
      this.#terminal.write(this.written.splice(0).join(''), done)
    })
    const { active } = this.#terminal.buffer
    return Array.from({ length: this.rows }, (_, i) => active.getLine(active.baseY + i)?.translateToString(true) ?? '')
  }

  /** Whether it shows the screen that programs draw on, and not that of the shell. */
  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate'
  }
}

export const unicode = glyphsFor({ TERM: 'xterm', LANG: 'C.UTF-8' })
export const ascii = glyphsFor({ TERM: 'linux' })

/** A screen on such a terminal, and what draws a state on it. */
export function drawing(columns: number, rows: number, hasColors = true, options: Partial<FrameOptions> = {}) {
  const terminal = new SeenTerminal(columns, rows)
  const glyphs = options.glyphs ?? unicode
  const screen = new Screen(terminal, { ellipsis: glyphs.ellipsis, hasColors })
  screen.open()
  const draw = (state: RunState, more: Partial<FrameOptions> = {}): Promise<readonly string[]> => {
    const usual = { ...screen.size, glyphs, hasKeys: true, isHelp: false, now: Date.now() }
    screen.draw(frameOf(state, { ...usual, ...options, ...more }))
    return terminal.lines()
  }
  return { terminal, screen, draw }
}
