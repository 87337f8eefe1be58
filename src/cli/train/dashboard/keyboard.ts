import { emitKeypressEvents, type Key } from 'node:readline'
import type { ReadStream } from 'node:tty'

/** Hears single keys while it is open. */
export class Keyboard {
  readonly #input: ReadStream
  readonly #heard: (name: string) => void
  #isOpen = false

  /** @param heard Given a letter as it is printed, or `ctrl-c`. */
  constructor(input: ReadStream, heard: (name: string) => void) {
    this.#input = input
    this.#heard = heard
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    emitKeypressEvents(this.#input)
    this.#input.setRawMode(true)
    this.#input.on('keypress', this.#onKey).resume()
  }

  /** Lets the terminal do with keys what it did before, and the program end. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#input.off('keypress', this.#onKey).pause()
    this.#input.setRawMode(false)
  }

  readonly #onKey = (letter: string | undefined, { ctrl = false, name }: Key): void => {
    const heard = ctrl ? `ctrl-${name ?? ''}` : letter
    if (heard !== undefined) this.#heard(heard)
  }
}
