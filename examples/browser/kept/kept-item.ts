import { bytes } from '../../medquad/words.ts'
import type { KeptRun } from './run-shelf.ts'

/** What can be done with a kept run. */
export interface KeptActions {
  /** Whether the model is free, and the one that it belongs to. */
  readonly isFree: boolean
  /** Whether another model is loaded. */
  readonly isOther: boolean
  /** Whether it is the run of this tab. */
  readonly isMine: boolean
  /** Whether nothing is being kept of it just now. */
  readonly canRemove: boolean
  readonly goOn: () => void
  readonly use: () => void
  readonly rename: (name: string) => void
  readonly remove: () => void
}

/** A kept run in the list. */
export function keptItem(kept: KeptRun, actions: KeptActions): HTMLLIElement {
  const { record, name, savedAt } = kept
  const { step, steps, model } = record
  const item = element('li')
  item.dataset['run'] = record.id
  const when = new Date(savedAt)
  const time = element('time', when.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }))
  time.dateTime = when.toISOString()
  const facts = element('p', `${model.name}, step ${step} of ${steps}, ${bytes(kept.bytes)}, `)
  facts.className = 'note'
  facts.append(time)
  const row = element('div')
  row.className = 'row'
  const isOpen = step < steps && !actions.isMine
  row.append(
    ...(isOpen ? [act(`Go on`, 'go-on', name, actions.goOn, !actions.isFree)] : []),
    act('Use', 'use', name, actions.use, !actions.isFree || actions.isMine),
    act('Rename', 'rename', name, () => row.replaceWith(renaming(name, actions.rename, row))),
    confirming(name, actions.remove, !actions.canRemove),
  )
  item.append(element('h3', name), facts)
  if (actions.isOther) {
    const word = element('p', `It belongs to ${model.name}: choose that under 1. Model to go on with it or use it.`)
    word.className = 'note'
    item.append(word)
  }
  item.append(row)
  return item
}

function act(words: string, name: string, of: string, does: () => void, isDisabled = false): HTMLButtonElement {
  const button = element('button', words)
  button.type = 'button'
  button.dataset['act'] = name
  button.setAttribute('aria-label', `${words}: ${of}`)
  button.disabled = isDisabled
  button.addEventListener('click', does)
  return button
}

/** A button that has to be pressed twice. */
function confirming(of: string, remove: () => void, isDisabled: boolean): HTMLButtonElement {
  let isAsked = false
  const button = act(
    'Delete',
    'delete',
    of,
    () => {
      if (isAsked) {
        remove()
        return
      }
      isAsked = true
      button.textContent = 'Delete for good?'
      button.setAttribute('aria-label', `Delete for good? ${of}`)
    },
    isDisabled,
  )
  button.addEventListener('blur', () => {
    isAsked = false
    button.textContent = 'Delete'
    button.setAttribute('aria-label', `Delete: ${of}`)
  })
  return button
}

/** A form in the place of a row of buttons. */
function renaming(name: string, rename: (name: string) => void, row: HTMLElement): HTMLFormElement {
  const form = element('form')
  form.className = 'row'
  const input = element('input')
  input.type = 'text'
  input.value = name
  input.required = true
  input.maxLength = 80
  input.setAttribute('aria-label', `New name of ${name}`)
  const save = element('button', 'Save the name')
  const leave = element('button', 'Leave it')
  leave.type = 'button'
  leave.addEventListener('click', () => form.replaceWith(row))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    rename(input.value.trim() || name)
  })
  form.append(input, save, leave)
  queueMicrotask(() => input.select())
  return form
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, words = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  made.textContent = words
  return made
}
