import { count, duration } from '../../medquad/words.ts'
import type { DataInput } from '../data-input.ts'
import type { Preparing } from '../data/prepare-pairs.ts'
import { button, find, input, onSubmit, say } from '../find.ts'
import { digestOf } from '../kept/digest.ts'
import type { RunKeeper } from '../kept/run-keeper.ts'
import type { KeptRun } from '../kept/run-shelf.ts'
import type { PageState, State } from '../page-state.ts'
import type { RunData } from '../pairs.ts'
import type { SettingsPanel } from '../settings/settings-panel.ts'
import { measuredOn } from './held-out.ts'
import { ProgressView } from './progress-view.ts'
import { SamplesView } from './samples-view.ts'
import { Training, type TrainingPlan } from './training.ts'

/** "3. Training", its progress and its samples: it begins a run, stops it and goes on with it. */
export class RunPanel {
  readonly #progress = new ProgressView()
  readonly #samples = new SamplesView()
  #training: Training | null = null
  /** What the run of now was warned of, behind a space. */
  #warning = ''

  constructor(
    private readonly page: PageState,
    private readonly keeper: RunKeeper,
    private readonly data: DataInput,
    private readonly panel: SettingsPanel,
  ) {
    page.onChange((now, was) => this.#render(now, was))
    onSubmit('train', () => {
      if (!panel.check()) return
      const { settings } = panel
      void this.#doing(async (signal) => {
        const { train, heldOut } = await this.data.runData(settings.heldOutShare, settings.seed)
        const data = { train, heldOut: measuredOn(heldOut) }
        const digest = await digestOf(data)
        const plan = { id: newId(), data, digest, settings, questions: readQuestions() }
        const training = await this.#begin(plan, signal)
        await this.data.setTooLong(page.session.tooLong)
        await keeper.begin(plan.id, data)
        await this.#train(training, signal)
      })
    })
    button('go-on').addEventListener('click', () => {
      const training = this.#training
      if (training !== null) void this.#doing((signal) => this.#train(training, signal))
    })
    button('stop').addEventListener('click', () => {
      page.stop()
      if (page.now.busy === 'training') say('train-status', 'Stopping after this step…')
      button('stop').disabled = true
    })
  }

  /** Goes on with a run that was kept, of the model that is loaded. */
  async goOnWith({ record, directory }: KeptRun): Promise<void> {
    const { keeper } = this
    await this.#doing(async (signal) => {
      await keeper.hold(record.id)
      const data: RunData | undefined = await keeper.shelf?.dataOf(record.id)
      if (data === undefined) return
      const { id, settings, questions } = record
      const training = await this.#begin({ id, data, digest: record.data.digest, settings, questions }, signal)
      await training.restore(record, directory)
      await this.#train(training, signal)
    })
  }

  /** Says what could not be kept; a run goes on all the same. */
  warn(message: string): void {
    this.#warning = ` ${message}.`
    say('train-status', message)
  }

  async #begin(plan: TrainingPlan, signal: AbortSignal): Promise<Training> {
    const { page, keeper } = this
    this.#warning = ''
    this.#training = null
    page.change({ run: null })
    if (!keeper.holds(plan.id)) keeper.release()
    const warn = (message: string) => this.warn(message)
    const training = await Training.begin(page.session, plan, warn, (now) => keeper.keep(now), preparing(signal))
    this.#training = training
    const { trainable, examples, heldOut, truncated } = training.begun
    const apart = heldOut === 0 ? '' : `, ${count(heldOut)} held out`
    const cut = truncated === 0 ? '' : `, ${count(truncated)} cut at ${plan.settings.maxLength} tokens`
    const rest = `${apart}${cut}`
    say('train-status', `Training ${count(trainable)} weights on ${count(examples)} questions${rest}.${this.#warning}`)
    return training
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

  async #train(training: Training, signal: AbortSignal): Promise<void> {
    this.#tell(training)
    for await (const event of training.go(signal)) {
      this.#tell(training)
      const { step, steps } = training
      const loss = training.record.training.at(-1)?.loss
      if (event === 'step' && loss !== undefined && step % Math.ceil(steps / 5) === 0)
        say('train-status', `Step ${step} of ${steps}, loss ${loss.toFixed(3)}.${this.#warning}`)
    }
    const { step, steps } = training
    say('train-status', `${step < steps ? 'Stopped at' : 'Done:'} step ${step} of ${steps}.${this.#warning}`)
  }

  #tell(training: Training): void {
    // A model that was let go of meanwhile takes its run along.
    if (this.page.now.session !== training.session) return
    const { record, memory, step, steps } = training
    this.page.change({ run: { record, memory, canGoOn: step < steps } })
  }

  #render(now: State, was: State): void {
    const { busy, session, hasData, run } = now
    const { isFree } = this.page
    if (session === null && was.session !== null) {
      this.#training = null
      this.keeper.release()
      say('train-status', '')
    }
    if (run !== was.run || now === was) {
      this.#progress.show(run?.record ?? null, run?.memory ?? null, this.panel.settings.steps)
      this.#samples.show(run?.record.samples ?? [])
    }
    button('start').disabled = !isFree || !hasData
    button('stop').disabled = busy !== 'training' && busy !== 'answering'
    button('go-on').hidden = run?.canGoOn !== true || busy === 'training'
    button('go-on').disabled = !isFree
  }
}

/** Tells how far making tokens of the questions is, once it takes longer than a moment. */
function preparing(signal: AbortSignal): Preparing {
  const began = performance.now()
  let told = began + 1000
  const onPrepare = (done: number, total: number) => {
    const now = performance.now()
    if (now - told < 500) return
    told = now
    const rate = done / ((now - began) / 1000)
    const left = `${duration((total - done) / rate)} left, ${count(Math.round(rate))} a second`
    say('train-status', `Making tokens: ${count(done)} of ${count(total)} questions, ${left}`)
  }
  return { onPrepare, signal }
}

/** The questions that are to be answered on the way. */
function readQuestions(): string[] {
  if (!input('with-samples').checked) return []
  const lines = find('sample-questions', HTMLTextAreaElement).value.split('\n')
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}

/** One that no other run has; pages without TLS have no `randomUUID`. */
function newId(): string {
  const random = crypto.getRandomValues(new Uint32Array(2))
  return `${Date.now()}-${[...random].map((word) => word.toString(36)).join('')}`
}
