import type { SettingRow } from './setting-rows.ts'

/** The field of a setting: its label, what it takes, its help behind a "?", and what is wrong with its value. */
export class SettingField {
  readonly element = box('field setting')
  readonly control: HTMLInputElement | HTMLSelectElement
  readonly #about = note()
  readonly #problem = note()

  constructor(readonly row: SettingRow) {
    const { id, label, help } = row
    this.control = 'choices' in row ? choice(row.choices) : numberInput()
    this.control.id = id
    const name = document.createElement('label')
    name.htmlFor = id
    name.textContent = 'unit' in row ? `${label} (${row.unit})` : label
    const text = note(help)
    text.hidden = true
    const line = box('with-help')
    line.append(this.control, helpButton(label, text, `${id}-help`))
    this.#problem.id = `${id}-problem`
    this.#problem.classList.add('problem')
    this.#about.id = `${id}-about`
    this.control.setAttribute('aria-describedby', `${id}-problem ${id}-about`)
    this.element.append(name, line, this.#problem, this.#about, text)
    this.problem = null
    this.about = ''
  }

  /** A sentence beside the field; null where its value is right. */
  set problem(sentence: string | null) {
    this.control.setAttribute('aria-invalid', String(sentence !== null))
    this.#problem.textContent = sentence ?? ''
    this.#problem.hidden = sentence === null
  }

  /** What is said of the value of now. */
  set about(text: string) {
    this.#about.textContent = text
    this.#about.hidden = text === ''
  }
}

function choice(choices: Readonly<Record<string, string>>): HTMLSelectElement {
  const select = document.createElement('select')
  select.append(...Object.entries(choices).map(([value, text]) => new Option(text, value)))
  return select
}

/** Its limits are not the browser's to check: a field in closed details could not be shown. */
function numberInput(): HTMLInputElement {
  const input = document.createElement('input')
  input.type = 'number'
  input.step = 'any'
  input.autocomplete = 'off'
  return input
}

function helpButton(label: string, help: HTMLElement, id: string): HTMLButtonElement {
  help.id = id
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'help'
  button.textContent = '?'
  button.setAttribute('aria-label', `What is ${label}?`)
  button.setAttribute('aria-controls', id)
  button.setAttribute('aria-expanded', 'false')
  button.addEventListener('click', () => {
    help.hidden = !help.hidden
    button.setAttribute('aria-expanded', String(!help.hidden))
  })
  return button
}

function note(text = ''): HTMLParagraphElement {
  const element = document.createElement('p')
  element.className = 'note'
  element.textContent = text
  return element
}

function box(className: string): HTMLDivElement {
  const element = document.createElement('div')
  element.className = className
  return element
}
