import type { FilePiece } from 'peft-medaware'
import { bytes } from '../../medquad/words.ts'
import { button, find, input, say } from '../find.ts'
import type { RunShelf } from '../kept/run-shelf.ts'
import type { PageState, State } from '../page-state.ts'
import { download } from './download.ts'
import { runReport } from './run-report.ts'
import { openTarget } from './target.ts'
import { piecesOf, zipPieces } from './zip-pieces.ts'

/** Bytes of a weight in each kind of file. */
const bytesAWeight = { f16: 2, q8_0: 34 / 32 } as const
const buttons = ['save', 'save-gguf', 'save-merged', 'save-merged-gguf', 'save-report'] as const

/** "6. Take it along": files of the adapter, of the model with it, and a report. */
export class HandOutPanel {
  constructor(
    private readonly page: PageState,
    private readonly shelf: RunShelf | null,
  ) {
    page.onChange((now) => this.#render(now))
    this.#onPress('save', () => this.#saveAdapter())
    this.#onPress('save-gguf', () => this.#saveGguf())
    this.#onPress('save-report', () => this.#saveReport())
    button('save-merged').addEventListener('click', () => {
      this.#stream('medaware-model.zip', 'application/zip', (signal) => {
        return zipPieces('medaware-model', this.#counted(page.session.mergedFiles(signal)))
      })
    })
    button('save-merged-gguf').addEventListener('click', () => {
      const type = this.#type
      this.#stream(`medaware-model-${type}.gguf`, 'application/octet-stream', (signal) => {
        return bytesOf(this.#counted(page.session.mergedGguf(type, signal)))
      })
    })
    button('stop-saving').addEventListener('click', () => page.stop())
    find('gguf-type', HTMLSelectElement).addEventListener('change', () => this.#render(page.now))
  }

  get #type(): 'f16' | 'q8_0' {
    return find('gguf-type', HTMLSelectElement).value === 'q8_0' ? 'q8_0' : 'f16'
  }

  #onPress(id: (typeof buttons)[number], work: () => Promise<string>): void {
    button(id).addEventListener('click', () => {
      void this.page.doing('saving', async () => say('save-status', await work()))
    })
  }

  async #saveAdapter(): Promise<string> {
    const files = await this.page.session.files(this.#record)
    const parts: Uint8Array<ArrayBuffer>[] = []
    for await (const piece of zipPieces('medaware-adapter', piecesOf(files))) parts.push(piece)
    download('medaware-adapter.zip', parts, 'application/zip')
    return 'The adapter is in medaware-adapter.zip.'
  }

  async #saveGguf(): Promise<string> {
    const warnings: string[] = []
    const file = await this.page.session.gguf((message) => warnings.push(message))
    download('medaware-adapter.gguf', [new Uint8Array(file)], 'application/octet-stream')
    return ['The adapter is in medaware-adapter.gguf.', ...warnings].join(' ')
  }

  async #saveReport(): Promise<string> {
    const record = this.#record
    if (record === null) throw new Error('There is no run to report of; train first')
    const data = input('with-data').checked ? ((await this.shelf?.dataOf(record.id)) ?? null) : null
    const { userAgent, hardwareConcurrency } = navigator
    const browser = `${userAgent}, ${hardwareConcurrency} cores`
    const report = await runReport(record, { title: record.model.name, browser, data })
    download('medaware-report.html', [report], 'text/html')
    return data === null && input('with-data').checked
      ? 'The report is in medaware-report.html; the questions are not in it, since this browser keeps none.'
      : 'The report is in medaware-report.html.'
  }

  get #record() {
    return this.page.now.run?.record ?? null
  }

  /** Writes a large file as it is made. */
  #stream(name: string, type: string, made: (signal: AbortSignal) => AsyncIterable<Uint8Array<ArrayBuffer>>): void {
    // The browser asks where only within the click.
    const opening = openTarget(name, type)
    void this.page.doing('saving', async (signal) => {
      const target = await opening
      if (target === null) return
      try {
        for await (const piece of made(signal)) await target.write(piece)
        await target.close()
        say('save-status', `The model is in ${name}.`)
      } catch (error) {
        await target.abort()
        say('save-status', signal.aborted ? 'Stopped; nothing is left behind.' : '')
        if (!signal.aborted || error !== signal.reason) throw error
      }
    })
  }

  /** Tells how far a file is. */
  async *#counted(pieces: AsyncIterable<FilePiece>): AsyncGenerator<FilePiece> {
    let [done, told] = [0, 0]
    for await (const piece of pieces) {
      yield piece
      done += piece.bytes.length
      if (performance.now() - told < 200) continue
      told = performance.now()
      say('save-status', `Writing ${piece.name}: ${bytes(done)} so far.`)
    }
  }

  #render({ busy, run, session }: State): void {
    for (const id of buttons) button(id).disabled = !this.page.isFree || run === null || run.record.step === 0
    button('stop-saving').hidden = busy !== 'saving'
    const about = (type: 'f16' | 'q8_0') =>
      session === null ? '' : `, about ${bytes(session.parameters * bytesAWeight[type])}`
    button('save-merged').textContent = `Model as safetensors${about('f16')}`
    button('save-merged-gguf').textContent = `Model as GGUF${about(this.#type)}`
  }
}

async function* bytesOf(pieces: AsyncIterable<FilePiece>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const { bytes: piece } of pieces) yield new Uint8Array(piece)
}
