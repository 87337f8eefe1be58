import { button, find, input, onSubmit, say } from '../find.ts'
import type { PageState, State } from '../page-state.ts'
import type { Side } from '../session.ts'

const bothSides: readonly Side[] = ['before', 'after']

/** "4. Ask it": a question to the model as it was, and with what it has learned. */
export class ChatPanel {
  /** The question whose answer stands under "Before training". */
  #askedBefore: string | null = null

  constructor(private readonly page: PageState) {
    page.onChange((now, was) => this.#render(now, was))
    onSubmit('ask', () => this.#ask())
  }

  #ask(): void {
    const question = input('question').value.trim()
    const { trained } = this.page.now
    const sides: Side[] = question === this.#askedBefore ? [] : ['before']
    if (trained !== null) sides.push('after')
    else if (sides.length === 0) sides.push('before')
    for (const side of bothSides) if (sides.includes(side)) say(side, '…')
    if (trained === null) say('after', '–')
    find('before', HTMLElement).ariaBusy = find('after', HTMLElement).ariaBusy = 'true'
    this.#askedBefore = question
    void this.page.doing('answering', async (signal) => {
      try {
        for (const side of sides) if (!signal.aborted) await this.#answer(question, side, signal)
      } finally {
        for (const side of bothSides) if (find(side, HTMLElement).textContent === '…') say(side, '–')
        find('before', HTMLElement).ariaBusy = find('after', HTMLElement).ariaBusy = 'false'
      }
    })
  }

  async #answer(question: string, side: Side, signal: AbortSignal): Promise<void> {
    let text = ''
    for await (const piece of this.page.session.answer(question, side, signal)) {
      text += piece
      say(side, text.trim())
    }
    if (text === '') say(side, '(nothing)')
  }

  #render({ busy, session, trained }: State, was: State): void {
    // Who stops a run wants the machine back, not an answer.
    const isDone = was.busy === 'training' && busy === null && trained !== null && trained.step === trained.steps
    if (isDone && input('question').value.trim() !== '') queueMicrotask(() => this.#ask())
    if (session === null && was.session !== null) {
      this.#askedBefore = null
      for (const side of bothSides) say(side, '–')
    }
    button('ask-button').disabled = !this.page.isFree
  }
}
