import type { StepReport, TakenStep } from './step-report.ts'

/** Steps that the speed is the mean of. */
const most = 20

/** How fast a run goes, by its last steps. */
export class RunPace {
  readonly #steps: number
  readonly #recent: TakenStep[] = []

  /** @param steps Of the whole run. */
  constructor(steps: number) {
    this.#steps = steps
  }

  /** A step's report with the speed by then. */
  report(taken: TakenStep): StepReport {
    this.#recent.push(taken)
    if (this.#recent.length > most) this.#recent.shift()
    const sum = (key: 'tokens' | 'seconds') => this.#recent.reduce((total, each) => total + each[key], 0)
    const secondsLeft = ((this.#steps - taken.step) * sum('seconds')) / this.#recent.length
    return { ...taken, tokensPerSecond: sum('tokens') / sum('seconds'), secondsLeft }
  }
}
