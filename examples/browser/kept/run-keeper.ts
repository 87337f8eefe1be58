import type { Training } from '../run/training.ts'
import type { RunData } from '../pairs.ts'
import { RunLock } from './run-lock.ts'
import type { RunShelf } from './run-shelf.ts'

/** Keeps the run of this tab, and holds it against other tabs. */
export class RunKeeper {
  #lock: RunLock | null = null
  #id: string | null = null

  /**
   * @param shelf null where the browser lets the page keep nothing. @param onChange Told when something else is kept.
   * @param onWarning Told where a run could not be kept, which goes on.
   */
  constructor(
    readonly shelf: RunShelf | null,
    private readonly onChange: () => void,
    private readonly onWarning: (message: string) => void,
  ) {}

  /** Whether a run is the one that this tab holds. */
  holds(id: string): boolean {
    return this.#id === id
  }

  /** Makes room for a new run of this tab. */
  async begin(id: string, data: RunData): Promise<void> {
    await this.hold(id)
    // Only asked: a browser that says no keeps it as long as there is room.
    void navigator.storage?.persist?.().catch(() => false)
    await this.#try(id, async (shelf) => shelf.begin(id, data))
  }

  /** Takes a run for this tab, in the place of the one before. @throws Error where another tab has it. */
  async hold(id: string): Promise<void> {
    if (this.shelf === null || this.holds(id)) return
    this.release()
    this.#lock = await RunLock.take(id)
    if (this.#lock === null) throw new Error('Another tab has this run open; close it there first')
    this.#id = id
  }

  release(): void {
    this.#lock?.release()
    this.#lock = this.#id = null
    this.onChange()
  }

  /** Keeps a run as it is now: the adapter and, where it has not come to its end, what it needs to go on. */
  async keep(training: Training): Promise<void> {
    const { record, session } = training
    if (record.step === 0 || !this.holds(record.id)) return
    await this.#try(record.id, async (shelf) => {
      await shelf.save(record, async (directory) => {
        await session.saveAdapter(directory, record)
        if (record.step < record.steps) await session.saveRun(directory)
      })
    })
    this.onChange()
  }

  async #try(id: string, work: (shelf: RunShelf) => Promise<void>): Promise<void> {
    if (this.shelf === null) return
    try {
      await work(this.shelf)
    } catch (error) {
      // A model that was let go of meanwhile has taken its run along.
      if (!this.holds(id)) return
      const reason = error instanceof Error ? error.message : String(error)
      this.onWarning(`It could not be kept in this browser: ${reason}`)
    }
  }
}
