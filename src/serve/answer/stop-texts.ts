/** Cuts a text that comes in pieces at the first of some texts, and holds back what may be the beginning of one. */
export class StopTexts {
  readonly #stops: readonly string[]
  #held = ''
  #isOver = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** Whether one of them has come. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** What may be told of the text so far, without what was told before. */
  push(piece: string): string {
    if (this.#isOver) return ''
    const text = this.#held + piece
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
    if (places.length > 0) {
      this.#isOver = true
      this.#held = ''
      return text.slice(0, Math.min(...places))
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)))
    this.#held = text.slice(text.length - held)
    return text.slice(0, text.length - held)
  }

  /** What was held back and is no stop, for nothing follows. */
  end(): string {
    const held = this.#held
    this.#held = ''
    return held
  }
}

/** Characters at the end of a text that a stop begins with. */
function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1)
  while (length > 0 && !text.endsWith(stop.slice(0, length))) length--
  return length
}
