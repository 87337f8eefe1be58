import { bytes } from '../medquad/words.ts'
import { find } from './find.ts'

/** Where the questions come from: the text field, or a file that is too long to show. */
export class DataInput {
  readonly #section = find('data-section', HTMLElement)
  readonly #text = find('data', HTMLTextAreaElement)
  readonly #picker = find('file', HTMLInputElement)
  readonly #hint = this.#text.placeholder
  #file: File | null = null
  #isTouched = false

  /** @param onChange Called with what there is now, a moment after the last key. */
  constructor(onChange: (data: string | File) => void) {
    let timer = 0
    const changed = (delay = 0) => {
      clearTimeout(timer)
      timer = window.setTimeout(() => onChange(this.value), delay)
    }
    const take = (file: File | null, text = '') => {
      this.#isTouched = true
      this.#file = file
      this.#text.value = text
      this.#text.placeholder = file === null ? this.#hint : `${file.name}, ${bytes(file.size)}`
      changed()
    }
    this.#text.addEventListener('input', () => {
      this.#isTouched = true
      this.#file = null
      changed(300)
    })
    this.#picker.addEventListener('change', () => {
      const [file] = this.#picker.files ?? []
      if (file) take(file)
      this.#picker.value = ''
    })
    find('clear', HTMLButtonElement).addEventListener('click', () => take(null))
    find('sample', HTMLButtonElement).addEventListener('click', () => {
      void fetchSample().then((text) => take(null, text))
    })
    // A browser may have kept what was typed before the page was loaded again.
    if (this.#text.value !== '') changed()
    else {
      void fetchSample().then((text) => {
        if (!this.#isTouched) take(null, text)
      })
    }
    this.#acceptDrops(take)
  }

  /** The text, or the file, to read. */
  get value(): string | File {
    return this.#file ?? this.#text.value
  }

  /** A drop beside the section must not make the browser leave the page for the file. */
  #acceptDrops(take: (file: File) => void): void {
    const isOver = ({ target }: Event) => target instanceof Node && this.#section.contains(target)
    const mark = (isTarget: boolean) => this.#section.classList.toggle('is-target', isTarget)
    addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      mark(isOver(event))
    })
    addEventListener('dragleave', () => mark(false))
    addEventListener('drop', (event) => {
      const [file] = event.dataTransfer?.files ?? []
      if (!file) return
      event.preventDefault()
      mark(false)
      if (isOver(event)) take(file)
    })
  }
}

async function fetchSample(): Promise<string> {
  const answer = await fetch(new URL('./sample.jsonl', import.meta.url))
  return answer.ok ? answer.text() : ''
}
