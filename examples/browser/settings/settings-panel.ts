import { button, find } from '../find.ts'
import { type ChosenSettings, readStored, readValue, settingsOf, storedText } from './chosen-settings.ts'
import { SettingField } from './setting-field.ts'
import { type ModelKind, settingRows } from './setting-rows.ts'
import type { Settings } from './settings.ts'

/** Under which the browser keeps what was chosen. */
const storageKey = 'peft-medaware-settings'

/** The fields of all settings. What the person does not set follows the model and the other settings. */
export class SettingsPanel {
  readonly #fields = settingRows.map((row) => new SettingField(row))
  readonly #onChange: () => void
  #model: ModelKind
  #chosen: ChosenSettings
  readonly #wrong = new Set<SettingField>()

  /** @param onChange Called when a setting is another one. */
  constructor(model: ModelKind, onChange: () => void) {
    this.#model = model
    this.#onChange = onChange
    this.#chosen = readStored(storedBefore())
    for (const field of this.#fields) {
      find(field.row.isAdvanced ? 'advanced-settings' : 'settings', HTMLElement).append(field.element)
      field.control.addEventListener('input', () => this.#take(field))
    }
    button('reset').addEventListener('click', () => {
      this.#chosen = {}
      this.#changed(null)
    })
    this.#show(null)
  }

  /** Those of now; where a field is wrong, its setting is as it was. */
  get settings(): Settings {
    return settingsOf(this.#chosen, this.#model)
  }

  /** What is not chosen follows another model. */
  setModel(model: ModelKind): void {
    this.#model = model
    this.#show(null)
  }

  /** Whether all fields are right; else the first that is not has the focus. */
  check(): boolean {
    const wrong = this.#fields.find((field) => this.#wrong.has(field))
    if (wrong === undefined) return true
    if (wrong.row.isAdvanced) find('advanced', HTMLDetailsElement).open = true
    wrong.control.focus()
    return false
  }

  #take(field: SettingField): void {
    const read = readValue(field.row, field.control.value)
    if ('problem' in read) {
      field.problem = read.problem
      this.#wrong.add(field)
      return
    }
    this.#chosen = { ...this.#chosen, [field.row.name]: read.value }
    this.#changed(field)
  }

  /** @param field Which the person is writing in: its text stays as it is. */
  #changed(field: SettingField | null): void {
    keep(storedText(this.#chosen))
    this.#show(field)
    this.#onChange()
  }

  #show(edited: SettingField | null): void {
    const { settings } = this
    for (const field of this.#fields) {
      const { row, control } = field
      field.element.hidden = row.applies?.(settings) === false
      if ('about' in row) field.about = row.about?.(settings) ?? ''
      // What is wrong elsewhere waits for the person, unless it is no longer shown.
      if (field !== edited && this.#wrong.has(field) && !field.element.hidden && edited !== null) continue
      this.#wrong.delete(field)
      field.problem = null
      if (field !== edited) control.value = String(settings[row.name])
    }
  }
}

/** A page that may keep nothing begins with the defaults each time. */
function storedBefore(): string | null {
  try {
    return localStorage.getItem(storageKey)
  } catch {
    return null
  }
}

function keep(text: string): void {
  try {
    localStorage.setItem(storageKey, text)
  } catch {
    // Nothing hangs on it.
  }
}
