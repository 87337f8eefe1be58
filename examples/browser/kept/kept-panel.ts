import { bytes } from '../../medquad/words.ts'
import { button, find, say, sentence } from '../find.ts'
import type { PageState } from '../page-state.ts'
import type { RunPanel } from '../run/run-panel.ts'
import { keptItem } from './kept-item.ts'
import type { RunKeeper } from './run-keeper.ts'
import { RunLock } from './run-lock.ts'
import type { KeptRun } from './run-shelf.ts'

/** "5. Kept here": the runs in this browser, to go on with, to use, to rename and to delete. */
export class KeptPanel {
  #runs: readonly KeptRun[] = []
  #isListing = false
  #isDue = false

  constructor(
    private readonly page: PageState,
    private readonly keeper: RunKeeper,
    private readonly panel: RunPanel,
  ) {
    page.onChange((now, was) => {
      if (now.session !== was.session || now.busy !== was.busy) this.#render()
    })
    button('offer-go-on').addEventListener('click', () => this.#goOn(this.#offered))
    if (keeper.shelf === null) {
      say('kept-total', 'This browser lets the page keep nothing; take the adapter along below.')
    }
    void this.refresh()
  }

  /** Reads again what is kept. */
  async refresh(): Promise<void> {
    const { shelf } = this.keeper
    this.#isDue = true
    if (shelf === null || this.#isListing) return
    this.#isListing = true
    try {
      while (this.#isDue) {
        this.#isDue = false
        this.#runs = await shelf.list()
      }
    } catch (error) {
      say('kept-status', sentence(error), true)
    } finally {
      this.#isListing = false
    }
    this.#render()
  }

  /** The newest run that was not brought to its end, and is not the one of now. */
  get #offered(): KeptRun | undefined {
    const [newest] = this.#runs
    if (newest === undefined || newest.record.step === newest.record.steps) return undefined
    return this.keeper.holds(newest.record.id) ? undefined : newest
  }

  #render(): void {
    const { page, keeper } = this
    const focused = document.activeElement
    const at = focused instanceof HTMLElement ? [focused.closest('li')?.dataset['run'], focused.dataset['act']] : []
    const items = this.#runs.map((kept) => {
      const isOther = page.now.session !== null && page.now.session.name !== kept.record.model.name
      return keptItem(kept, {
        isFree: page.isFree && !isOther,
        isOther,
        isMine: keeper.holds(kept.record.id),
        canRemove: !keeper.holds(kept.record.id) || page.isFree,
        goOn: () => this.#goOn(kept),
        use: () => this.#use(kept),
        rename: (name) => void this.#changing(kept, (id) => keeper.shelf?.rename(id, name)),
        remove: () => {
          if (keeper.holds(kept.record.id)) keeper.release()
          void this.#changing(kept, (id) => keeper.shelf?.remove(id))
        },
      })
    })
    find('kept', HTMLOListElement).replaceChildren(...items)
    const [run, act] = at
    if (run !== undefined && act !== undefined) {
      const again = items.find((item) => item.dataset['run'] === run)?.querySelector(`[data-act="${act}"]`)
      if (again instanceof HTMLElement) again.focus()
    }
    const total = this.#runs.reduce((sum, each) => sum + each.bytes, 0)
    if (keeper.shelf !== null) {
      const words = this.#runs.length === 0 ? 'Nothing yet: runs are kept as they go.' : `${bytes(total)} in all.`
      say('kept-total', words)
    }
    const offered = this.#offered
    find('offer', HTMLElement).hidden = offered === undefined
    if (offered === undefined) return
    const { step, steps, model } = offered.record
    const other = page.now.session !== null && page.now.session.name !== model.name
    say('offer-words', `A run of ${offered.name} was left at step ${step} of ${steps}.`)
    button('offer-go-on').textContent = `Go on with ${offered.name} (step ${step} of ${steps})`
    button('offer-go-on').disabled = !page.isFree || other
    find('offer-other', HTMLElement).hidden = !other
    say('offer-other', `Choose ${model.name} under 1. Model first.`)
  }

  #goOn(kept: KeptRun | undefined): void {
    if (kept !== undefined) void this.panel.goOnWith(kept)
  }

  #use(kept: KeptRun): void {
    const { page, keeper } = this
    void page.doing('opening', async () => {
      const warnings: string[] = []
      page.change({ run: null })
      keeper.release()
      await page.session.useAdapter(kept.directory, (message) => warnings.push(message))
      page.change({ run: { record: kept.record, memory: null, canGoOn: false } })
      say(
        'kept-status',
        [`The adapter ${kept.name} is on the model: ask it.`, ...warnings].join(' '),
        warnings.length > 0,
      )
    })
  }

  /** Changes what is kept of a run that no other tab has open. */
  async #changing({ record: { id } }: KeptRun, work: (id: string) => Promise<void> | undefined): Promise<void> {
    const isMine = this.keeper.holds(id)
    try {
      const lock = isMine ? null : await RunLock.take(id)
      if (!isMine && lock === null) {
        say('kept-status', 'Another tab has this run open; close it there first.', true)
        return
      }
      try {
        await work(id)
      } finally {
        lock?.release()
      }
      await this.refresh()
    } catch (error) {
      say('kept-status', sentence(error), true)
    }
  }
}
