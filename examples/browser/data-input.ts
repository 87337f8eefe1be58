import { bytes, count, duration } from '../medquad/words.ts'
import { DataView } from './data/data-view.ts'
import { keyOf } from './data/key-of.ts'
import type { ReadProgress } from './data/read-files.ts'
import { Reading } from './data/reading.ts'
import { button, find, say } from './find.ts'
import type { Pair, RunData } from './pairs.ts'

/** Milliseconds after the last key. */
const patience = 300

/** Where the questions come from: the text field, or files; and what was read of them last. */
export class DataInput {
  readonly #section = find('data-section', HTMLElement)
  readonly #text = find('data', HTMLTextAreaElement)
  readonly #picker = find('file', HTMLInputElement)
  readonly #hint = this.#text.placeholder
  readonly #view = new DataView()
  readonly #onChange: () => void
  #isTouched = false
  #timer = 0
  #reading: Reading | null = null
  /** Of the reading that was begun last. */
  #stop = new AbortController()

  /** @param onChange Called when there is other data, or none any more. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
    this.#text.addEventListener('input', () => {
      this.#isTouched = true
      clearTimeout(this.#timer)
      this.#timer = window.setTimeout(() => this.#takeText(), patience)
    })
    this.#picker.addEventListener('change', () => {
      this.#takeFiles([...(this.#picker.files ?? [])])
      this.#picker.value = ''
    })
    find('clear', HTMLButtonElement).addEventListener('click', () => this.#setText(''))
    find('sample', HTMLButtonElement).addEventListener('click', () => {
      void fetchSample().then((text) => this.#setText(text))
    })
    button('stop-reading').addEventListener('click', () => {
      this.#stop.abort()
      this.#isReading(false)
      say('data-status', `Stopped.${this.#stays}`)
    })
    // A browser may have kept what was typed before the page was loaded again.
    if (this.#text.value !== '') this.#takeText()
    else {
      void fetchSample().then((text) => {
        if (!this.#isTouched) this.#setText(text)
      })
    }
    this.#acceptDrops()
  }

  /** Whether there are questions with answers. */
  get hasPairs(): boolean {
    return this.#reading !== null
  }

  /** What there is, split by question. @throws Error where there is none. */
  async runData(heldOutShare: number, seed: number): Promise<RunData> {
    if (this.#reading === null) throw new Error('There are no questions yet.')
    return this.#reading.runData(heldOutShare, seed)
  }

  /** Shows of which pairs a run had nothing to learn; each run begins with none. */
  async setTooLong(pairs: readonly Pair[]): Promise<void> {
    const reading = this.#reading
    await reading?.setTooLong(pairs.map(keyOf))
    if (reading !== null && reading === this.#reading) this.#view.show(reading)
  }

  #setText(text: string): void {
    this.#isTouched = true
    this.#text.value = text
    this.#takeText()
  }

  #takeText(): void {
    clearTimeout(this.#timer)
    this.#text.placeholder = this.#hint
    const text = this.#text.value
    if (text.trim() !== '') return void this.#read([new File([text], '')])
    this.#stop.abort()
    this.#isReading(false)
    this.#set(null)
    say('data-status', 'No questions yet.')
  }

  #takeFiles(files: readonly File[]): void {
    if (files.length === 0) return
    this.#isTouched = true
    clearTimeout(this.#timer)
    void this.#read(files)
  }

  /** Reads them beside what is there, which they replace only if they can be read. */
  async #read(files: readonly File[]): Promise<void> {
    this.#stop.abort()
    const { signal } = (this.#stop = new AbortController())
    const began = performance.now()
    const isText = files[0]?.name === ''
    if (!isText) say('data-status', `Reading ${namesOf(files)}…`)
    try {
      const reading = await Reading.start(
        files,
        (progress) => {
          if (!signal.aborted) this.#showProgress(progress, began)
        },
        signal,
      )
      if (signal.aborted) {
        reading.close()
        return
      }
      if (!isText) {
        this.#text.value = ''
        this.#text.placeholder = namesOf(files)
      }
      this.#set(reading)
      say('data-status', sentenceOf(reading))
    } catch (error) {
      if (signal.aborted) return
      say('data-status', `${error instanceof Error ? error.message : String(error)}${this.#stays}`, true)
    }
    this.#isReading(false)
  }

  /** What an attempt that failed leaves. */
  get #stays(): string {
    return this.#reading === null ? '' : ` What was read before stays: ${sentenceOf(this.#reading)}`
  }

  #set(reading: Reading | null): void {
    this.#reading?.close()
    this.#reading = reading
    this.#view.show(reading)
    this.#onChange()
  }

  #showProgress({ file, done, unit, total }: ReadProgress, began: number): void {
    this.#isReading(true)
    const bar = find('read-progress', HTMLProgressElement)
    if (total === null) bar.removeAttribute('value')
    else bar.value = done / total
    const rate = done / ((performance.now() - began) / 1000)
    const left = total === null ? '' : ` of ${count(total)}, ${duration((total - done) / rate)} left`
    const name = file === '' ? 'the text' : file
    say('read-line', `${name}: ${count(done)} ${unit}${left}, ${count(Math.round(rate))} a second`)
  }

  #isReading(isIt: boolean): void {
    find('reading', HTMLElement).hidden = !isIt
  }

  /** A drop beside the section must not make the browser leave the page for the file. */
  #acceptDrops(): void {
    const isOver = ({ target }: Event) => target instanceof Node && this.#section.contains(target)
    const mark = (isTarget: boolean) => this.#section.classList.toggle('is-target', isTarget)
    addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      mark(isOver(event))
    })
    addEventListener('dragleave', () => mark(false))
    addEventListener('drop', (event) => {
      const files = [...(event.dataTransfer?.files ?? [])]
      if (files.length === 0) return
      event.preventDefault()
      mark(false)
      if (isOver(event)) this.#takeFiles(files)
    })
  }
}

function sentenceOf({ summary: { kept, rows } }: Reading): string {
  const left = rows - kept
  const rest = left === 0 ? '' : `; ${count(left)} ${left === 1 ? 'row' : 'rows'} left out`
  return `${count(kept)} ${kept === 1 ? 'question with its answer' : 'questions with answers'}${rest}.`
}

function namesOf(files: readonly File[]): string {
  return files.map(({ name, size }) => `${name}, ${bytes(size)}`).join('; ')
}

async function fetchSample(): Promise<string> {
  const answer = await fetch(new URL('./sample.jsonl', import.meta.url))
  return answer.ok ? answer.text() : ''
}
