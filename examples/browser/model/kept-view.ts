import { bytes } from '../../medquad/words.ts'
import { find, say } from '../find.ts'
import { type Cell, setRows } from '../table-rows.ts'

/** The list of models that the browser keeps, each with its size and a button that deletes it. */
export class KeptView {
  readonly #details = find('models-kept', HTMLDetailsElement)
  readonly #onDelete: (name: string) => void

  /** @param onDelete Called when a model is no longer kept. */
  constructor(onDelete: (name: string) => void) {
    this.#onDelete = onDelete
    this.#details.addEventListener('toggle', () => void this.refresh())
  }

  /** Lists anew, where the list is open. */
  async refresh(): Promise<void> {
    if (!this.#details.open) return
    try {
      const { cachedModels } = await import('./kept-models.ts')
      const models = await cachedModels()
      setRows(
        find('models-kept-rows', HTMLTableSectionElement),
        models.map(({ name, bytes: size, incompleteBytes }) => this.#row(name, size, incompleteBytes)),
      )
      find('models-kept-table', HTMLElement).hidden = models.length === 0
      const all = models.reduce((sum, model) => sum + model.bytes + model.incompleteBytes, 0)
      say('models-kept-status', models.length === 0 ? 'None.' : `Together ${bytes(all)}.`)
    } catch (error) {
      say('models-kept-status', error instanceof Error ? error.message : String(error), true)
    }
  }

  #row(name: string, size: number, incomplete: number): Cell[] {
    const amount = document.createElement('span')
    amount.className = 'amount'
    amount.textContent = bytes(size + incomplete) + (incomplete > 0 ? ', not whole' : '')
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = 'Delete'
    button.setAttribute('aria-label', `Delete ${name}`)
    button.addEventListener('click', () => void this.#delete(name, button))
    return [name, amount, button]
  }

  async #delete(name: string, button: HTMLButtonElement): Promise<void> {
    button.disabled = true
    try {
      const { deleteCachedModel } = await import('./kept-models.ts')
      const freed = await deleteCachedModel(name)
      await this.refresh()
      // The button that had the focus is gone.
      find('models-kept', HTMLDetailsElement).querySelector('summary')?.focus()
      say('models-kept-status', `${name} is deleted, ${bytes(freed)} are free again.`)
      this.#onDelete(name)
    } catch (error) {
      button.disabled = false
      say('models-kept-status', error instanceof Error ? error.message : String(error), true)
    }
  }
}
