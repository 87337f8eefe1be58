import { count } from '../../medquad/words.ts'
import { button, input, onSubmit, say } from '../find.ts'
import type { PageState, State } from '../page-state.ts'
import type { Settings } from '../session.ts'
import { ProgressView } from './progress-view.ts'

/** "3. Training" and its progress: it begins a run, stops it and goes on with it. */
export class RunPanel {
  readonly #progress = new ProgressView()
  /** What the run of now was warned of, behind a space. */
  #warning = ''

  constructor(private readonly page: PageState) {
    page.onChange((now, was) => this.#render(now, was))
    onSubmit('train', () => this.#begin())
    button('go-on').addEventListener('click', () => void this.#doing((signal) => this.#train(signal)))
    button('stop').addEventListener('click', () => {
      page.stop()
      if (page.now.busy === 'training') say('train-status', 'Stopping after this step…')
      button('stop').disabled = true
    })
  }

  #begin(): void {
    const { page } = this
    page.change({ trained: null })
    this.#progress.clear(readSettings().steps)
    void this.#doing(async (signal) => {
      this.#warning = ''
      const begun = await page.session.begin(page.now.pairs ?? [], readSettings(), (message) => {
        this.#warning = ` ${message}.`
        say('train-status', message)
      })
      const { trainable, examples } = begun
      say('train-status', `Training ${count(trainable)} weights on ${count(examples)} questions.${this.#warning}`)
      await this.#train(signal)
    })
  }

  async #doing(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await this.page.doing('training', async (signal) => {
      try {
        await work(signal)
      } catch (error) {
        if (!signal.aborted) say('train-status', 'Training ended with an error.')
        throw error
      }
    })
  }

  async #train(signal: AbortSignal): Promise<void> {
    const { session } = this.page
    for await (const report of session.train(signal)) {
      const { step, steps, loss } = report
      this.#progress.add(report)
      if (step % Math.ceil(steps / 5) === 0)
        say('train-status', `Step ${step} of ${steps}, loss ${loss.toFixed(3)}.${this.#warning}`)
    }
    const { step, steps } = session.progress
    this.page.change({ trained: { step, steps } })
    say('train-status', `${step < steps ? 'Stopped at' : 'Done:'} step ${step} of ${steps}.${this.#warning}`)
  }

  #render(now: State, was: State): void {
    const { busy, session, pairs, trained } = now
    const { isFree } = this.page
    if (session === null && was.session !== null) {
      this.#progress.clear(readSettings().steps)
      say('train-status', '')
    }
    button('start').disabled = !isFree || pairs === null
    button('stop').disabled = busy !== 'training' && busy !== 'answering'
    button('go-on').hidden = trained === null || trained.step >= trained.steps
    button('go-on').disabled = !isFree
  }
}

/** Those in the form. */
export function readSettings(): Settings {
  const number = (id: string) => input(id).valueAsNumber
  return {
    steps: number('steps'),
    batchSize: number('batch'),
    learningRate: number('rate'),
    rank: number('rank'),
    maxLength: number('length'),
  }
}
