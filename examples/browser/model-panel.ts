import { bytes, count } from '../medquad/words.ts'
import { button, find, input, say } from './find.ts'
import { chosenModel, pickers } from './model-choice.ts'
import { type Engine, Opening } from './opening.ts'
import { KeptView } from './model/kept-view.ts'
import { PlanPanel } from './model/plan-panel.ts'
import { loadingLine } from './opening-words.ts'
import type { PageState, State } from './page-state.ts'
import type { SettingsPanel } from './settings/settings-panel.ts'

/** "1. Model": which one, on which engine, and how it comes here. */
export class ModelPanel {
  readonly #plan: PlanPanel
  readonly #kept: KeptView

  /** @param panel Has the settings that a training is planned with; their defaults follow the model. */
  constructor(
    private readonly page: PageState,
    private readonly panel: SettingsPanel,
  ) {
    this.#plan = new PlanPanel(() => page.now.busy === null)
    this.#kept = new KeptView(() => {
      if (page.now.waiting !== null) this.open()
    })
    page.onChange((now) => this.#render(now))
    button('reload').addEventListener('click', () => this.open())
    button('fetch').addEventListener('click', () => this.#fetch())
    button('halt').addEventListener('click', () => {
      page.stop()
      say('opened', 'Stopped. What has come is kept.')
    })
    for (const [id, other] of [
      ['folder', 'gguf'],
      ['gguf', 'folder'],
    ] as const) {
      input(id).addEventListener('change', () => {
        input(other).value = ''
        this.open()
      })
    }
    for (const id of ['small', 'smollm2', 'qwen3', 'large']) input(id).addEventListener('change', () => this.open())
    find('engine', HTMLSelectElement).addEventListener('change', () => this.open())
  }

  /** Lets go of the model there is, and opens the one that is chosen. */
  open(): void {
    const { page, panel } = this
    const { name, source, kind } = chosenModel()
    panel.setModel(kind)
    this.#plan.clear()
    page.stop()
    page.now.session?.close()
    page.now.waiting?.close()
    page.change({ session: null, waiting: null, run: null })
    const engine = find('engine', HTMLSelectElement).value as Engine
    say('reason', '')
    if (source === null) {
      say('opened', 'Choose the folder of the model.')
      page.change({ busy: null })
      return
    }
    say('opened', 'Opening…')
    void page.doing('opening', async (signal) => {
      const opening = await this.#saying(async () => Opening.start(engine, await source(), name), signal)
      await this.#carried(opening, signal, async () => {
        const wait = await this.#plan.begin(opening, panel.settings, signal)
        if (wait === null) return this.#load(opening, signal)
        button('fetch').textContent = wait
        page.change({ waiting: opening })
      })
    })
  }

  /** The settings are others: what a training takes is planned anew. */
  planAnew(): void {
    this.#plan.follow(() => this.panel.settings)
  }

  /** Frees what is being opened where that is stopped, or fails. */
  async #carried(opening: Opening, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      signal.throwIfAborted()
      await this.#saying(work, signal)
    } catch (error) {
      opening.close()
      throw error
    }
  }

  /** Where it fails there is no model, and the panel says so. */
  async #saying<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!signal.aborted) say('opened', 'No model.')
      throw error
    }
  }

  async #load(opening: Opening, signal: AbortSignal): Promise<void> {
    const tell = (text: string) => signal.aborted || say('opened', text)
    const session = await opening.load((progress) => tell(loadingLine(progress)), signal)
    signal.throwIfAborted()
    this.page.change({ session })
    void this.#kept.refresh()
    const { name, parameters, description, reason } = session
    say('opened', `${name}: ${count(parameters)} parameters in ${bytes(session.bytes)}, on ${description}.`)
    say('reason', `Why there: ${reason}.`)
  }

  /** Fetches what was waited with; where that fails or is stopped, it can be gone on with. */
  #fetch(): void {
    const { page } = this
    const { waiting } = page.now
    if (waiting === null) return
    page.change({ waiting: null })
    this.#plan.go()
    say('opened', 'Opening…')
    void page.doing('opening', async (signal) => {
      try {
        await this.#saying(() => this.#load(waiting, signal), signal)
      } catch (error) {
        if (page.isLast(signal)) page.change({ waiting })
        else waiting.close()
        button('fetch').textContent = 'Go on fetching'
        throw error
      }
    })
  }

  #render({ busy, waiting }: State): void {
    // Another model can be chosen while one is on its way.
    const isHeld = busy !== null && busy !== 'opening'
    button('reload').disabled = busy !== null
    button('fetch').hidden = busy !== null || waiting === null
    button('halt').hidden = busy !== 'opening'
    for (const element of [find('model', HTMLFieldSetElement), find('engine', HTMLSelectElement), ...pickers()]) {
      element.disabled = isHeld
    }
  }
}
