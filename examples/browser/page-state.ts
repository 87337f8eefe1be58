import { find, sentence } from './find.ts'
import type { Opening } from './opening.ts'
import type { MemoryNow, RunRecord } from './run/training.ts'
import type { Session } from './session.ts'

/** What the one engine is busy with. */
export type Busy = 'opening' | 'training' | 'answering' | 'saving'

/** The run whose adapter is on the model. */
export interface RunNow {
  readonly record: RunRecord
  /** What the engine holds; null where the run is not one of this visit. */
  readonly memory: MemoryNow | null
  /** Whether it can be gone on with at once. */
  readonly canGoOn: boolean
}

/** What there is in the page. */
export interface State {
  readonly busy: Busy | null
  /** A model that waits for a word before it is fetched. */
  readonly waiting: Opening | null
  readonly session: Session | null
  /** Whether there is something to be learned. */
  readonly hasData: boolean
  /** Of the adapter there is. */
  readonly run: RunNow | null
}

/** The state of the page in one place: panels change it here, and hear of every change. */
export class PageState {
  #now: State = { busy: null, waiting: null, session: null, hasData: false, run: null }
  readonly #heard: ((now: State, was: State) => void)[] = []
  /** Of what was begun last. */
  #stop = new AbortController()

  get now(): State {
    return this.#now
  }

  /** Nothing is being done, and there is a model. */
  get isFree(): boolean {
    return this.#now.busy === null && this.#now.session !== null
  }

  /** @throws Error where no model is loaded. */
  get session(): Session {
    const { session } = this.#now
    if (session === null) throw new Error('There is no model; choose one first.')
    return session
  }

  /** @param hear Called at every change, and once from here. */
  onChange(hear: (now: State, was: State) => void): void {
    this.#heard.push(hear)
    hear(this.#now, this.#now)
  }

  change(changes: Partial<State>): void {
    const was = this.#now
    this.#now = { ...was, ...changes }
    for (const hear of this.#heard) hear(this.#now, was)
  }

  /** Does one thing, and shows its error where it fails; what was under way is no more waited for. */
  async doing(busy: Busy, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const own = (this.#stop = new AbortController())
    find('error', HTMLElement).hidden = true
    this.change({ busy })
    try {
      await work(own.signal)
    } catch (error) {
      if (this.isLast(own.signal) && !own.signal.aborted) this.#fail(error)
    } finally {
      this.change(this.isLast(own.signal) ? { busy: null } : {})
    }
  }

  /** Whether nothing else was begun since. */
  isLast(signal: AbortSignal): boolean {
    return this.#stop.signal === signal
  }

  /** Ends what is being done. */
  stop(): void {
    this.#stop.abort()
  }

  #fail(error: unknown): void {
    const alert = find('error', HTMLElement)
    alert.hidden = false
    alert.textContent = sentence(error)
  }
}
