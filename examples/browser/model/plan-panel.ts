import { bytes } from '../../medquad/words.ts'
import { say } from '../find.ts'
import type { Download, Opening } from '../opening.ts'
import { planWords } from '../opening-words.ts'
import type { Settings } from '../settings/settings.ts'
import type { ModelPlan, TrainingPlan } from './model-plan.ts'
import { showPlan } from './plan-view.ts'

/** Bytes of a model on this machine from which on the page asks before it loads it. */
const largest = 500e6

/** Milliseconds after the last change of a setting. */
const patience = 300

/** What there is to plan. */
interface Planned {
  readonly plan: ModelPlan
  readonly download: Download
  /** Whether the model waits for a word, and what it takes is said above. */
  isWaiting: boolean
}

/** The plan of the model that is chosen, which follows the settings. */
export class PlanPanel {
  readonly #isFree: () => boolean
  #planned: Planned | null = null
  #timer = 0

  /** @param isFree Whether the model's worker has nothing else to do. */
  constructor(isFree: () => boolean) {
    this.#isFree = isFree
  }

  /**
   * Plans a model before it is loaded.
   * @returns What the button is called that loads it, where it has to be fetched, is large or does not fit; else null.
   * @throws As `Opening.plan`.
   */
  async begin(opening: Opening, settings: Settings, signal: AbortSignal): Promise<string | null> {
    const plan = await opening.plan(signal)
    const download = await opening.download(plan)
    const planned = { plan, download, isWaiting: false }
    const training = await trainingOf(plan, settings)
    signal.throwIfAborted()
    this.#planned = planned
    const { missing } = download
    const isLarge = typeof opening.source !== 'string' && download.bytes > largest
    planned.isWaiting = missing > 0 || isLarge || (typeof training === 'object' && training.problem !== null)
    this.#show(planned, training)
    if (!planned.isWaiting) return null
    return missing > 0 ? `Fetch ${bytes(missing)} and load` : 'Load it'
  }

  /** The model is on its way, so that no more is said of what it takes above. */
  go(): void {
    if (this.#planned !== null) this.#planned.isWaiting = false
  }

  /** There is another model, or none. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#planned = null
    showPlan(null)
  }

  /** Plans anew, as soon as the worker is free for it. @param settings Gives those of then. */
  follow(settings: () => Settings): void {
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => {
      const planned = this.#planned
      if (planned === null) return
      if (!this.#isFree()) {
        this.follow(settings)
        return
      }
      void trainingOf(planned.plan, settings()).then((training) => {
        if (this.#planned === planned) this.#show(planned, training)
      })
    }, patience)
  }

  #show({ plan, download, isWaiting }: Planned, training: TrainingPlan | string): void {
    if (typeof training === 'string') {
      showPlan(null)
      if (isWaiting) say('opened', training, true)
      return
    }
    showPlan(training)
    if (!isWaiting) return
    const { text, isTooLarge } = planWords(plan.name, plan.report.parameters.all, download, training)
    say('opened', text, isTooLarge)
  }
}

/** The plan, or the sentence of why there is none with these settings. */
async function trainingOf(plan: ModelPlan, settings: Settings): Promise<TrainingPlan | string> {
  try {
    return await plan.training(settings)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
