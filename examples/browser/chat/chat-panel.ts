import { button, find, input, onSubmit } from '../find.ts'
import type { PageState, State } from '../page-state.ts'
import type { Side } from '../session.ts'
import { Conversation, sides } from './conversation.ts'

const titles: Readonly<Record<Side, string>> = { before: 'Before training', after: 'After training' }

/** "4. Ask it": a conversation with the model as it was and with what it has learned, side by side. */
export class ChatPanel {
  readonly #list = find('turns', HTMLOListElement)
  #conversation = new Conversation()

  constructor(private readonly page: PageState) {
    page.onChange((now, was) => this.#render(now, was))
    onSubmit('ask', () => this.#ask())
    button('chat-stop').addEventListener('click', () => page.stop())
    button('chat-clear').addEventListener('click', () => this.#clear())
    find('question', HTMLTextAreaElement).addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      find('ask', HTMLFormElement).requestSubmit(button('ask-button'))
    })
  }

  #ask(): void {
    const { page } = this
    const field = find('question', HTMLTextAreaElement)
    const question = field.value.trim()
    if (question === '' || !page.isFree) return
    const conversation = this.#conversation
    const at = conversation.ask(question)
    const places = this.#addTurn(question, page.now.run === null ? ['before'] : sides)
    field.value = ''
    void page.doing('answering', async (signal) => {
      try {
        for (const [side, place] of places) {
          if (signal.aborted) break
          place.ariaBusy = 'true'
          await this.#answer(conversation, at, side, place, signal)
          place.ariaBusy = 'false'
        }
      } finally {
        for (const place of places.values()) {
          place.ariaBusy = 'false'
          if (place.textContent === '…') place.textContent = '–'
        }
      }
    })
  }

  async #answer(conversation: Conversation, at: number, side: Side, place: HTMLElement, signal: AbortSignal) {
    let text = ''
    const past = conversation.past(at, side)
    const temperature = input('temperature').valueAsNumber || 0
    const seed = input('chat-seed').valueAsNumber || 0
    const question = conversation.turns[at]?.question ?? ''
    for await (const piece of this.page.session.answer(question, side, { signal, past, temperature, seed })) {
      text += piece
      place.textContent = text.trim()
      conversation.say(at, side, text.trim())
    }
    if (text.trim() === '' && !signal.aborted) place.textContent = '(nothing)'
  }

  /** Shows a question with room for its answers. */
  #addTurn(question: string, asked: readonly Side[]): ReadonlyMap<Side, HTMLElement> {
    const item = document.createElement('li')
    const words = document.createElement('p')
    words.className = 'asked'
    words.textContent = question
    const answers = document.createElement('div')
    answers.className = 'answers'
    const places = new Map(
      sides.map((side) => {
        const [box, title, place] = [
          document.createElement('div'),
          document.createElement('h3'),
          document.createElement('p'),
        ]
        title.textContent = titles[side]
        place.className = 'answer'
        place.dataset['side'] = side
        place.ariaLive = 'polite'
        place.textContent = asked.includes(side) ? '…' : '–'
        box.append(title, place)
        answers.append(box)
        return [side, place] as const
      }),
    )
    item.append(words, answers)
    this.#list.append(item)
    this.#renderClear()
    return new Map([...places].filter(([side]) => asked.includes(side)))
  }

  #clear(): void {
    this.#conversation = new Conversation()
    this.#list.replaceChildren()
    this.#renderClear()
    find('question', HTMLTextAreaElement).focus()
  }

  #renderClear(): void {
    button('chat-clear').disabled = this.page.now.busy === 'answering' || this.#list.children.length === 0
  }

  #render({ busy, session }: State, was: State): void {
    if (session === null && was.session !== null) {
      this.#conversation = new Conversation()
      this.#list.replaceChildren()
    }
    button('ask-button').disabled = !this.page.isFree
    button('chat-stop').disabled = busy !== 'answering'
    this.#renderClear()
  }
}
