/** The page: it takes what a person wants to the worker, and shows what the worker tells. */
import { bytes, count } from '../medquad/words.ts'
import { DataInput } from './data-input.ts'
import { find } from './find.ts'
import type { Engine, News, Opened, Order, Settings, Side } from './messages.ts'
import { ProgressView } from './progress-view.ts'

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
const order = (message: Order) => worker.postMessage(message)

const button = (id: string) => find(id, HTMLButtonElement)
const input = (id: string) => find(id, HTMLInputElement)
const say = (id: string, text: string, isWrong = false) => {
  const element = find(id, HTMLElement)
  element.textContent = text
  element.classList.toggle('is-wrong', isWrong)
}

const bothSides: readonly Side[] = ['before', 'after']

/** What the page knows of the worker. */
const state = {
  busy: null as 'opening' | 'training' | 'answering' | 'saving' | null,
  opened: null as Opened | null,
  hasData: false,
  /** Of the adapter there is: how far it was trained. */
  trained: null as { step: number; steps: number } | null,
  /** The question whose answer stands under "Before training". */
  askedBefore: null as string | null,
}
/** What the run of now was warned of, behind a space. */
let warning = ''
const data = new DataInput((now) => order({ kind: 'check', data: now }))
const progress = new ProgressView()

function render(): void {
  const { busy, opened, hasData, trained } = state
  const isFree = busy === null && opened !== null
  button('start').disabled = !isFree || !hasData
  button('stop').disabled = busy !== 'training' && busy !== 'answering'
  button('go-on').hidden = trained === null || trained.step >= trained.steps
  button('go-on').disabled = !isFree
  button('ask-button').disabled = !isFree
  button('save').disabled = !isFree || trained === null
  button('reload').disabled = find('engine', HTMLSelectElement).disabled = busy !== null
  find('model', HTMLFieldSetElement).disabled = input('folder').disabled = busy !== null
}

function begin(busy: NonNullable<typeof state.busy>, message: Order): void {
  state.busy = busy
  find('error', HTMLElement).hidden = true
  render()
  order(message)
}

function openModel(): void {
  const isSmall = input('small').checked
  const files = [...(input('folder').files ?? [])]
  find('folder-field', HTMLElement).hidden = isSmall
  state.opened = state.trained = state.askedBefore = null
  const [folder = ''] = files[0]?.webkitRelativePath.split('/') ?? []
  const name = isSmall ? 'examples/medquad/base' : folder || 'the chosen files'
  const engine = find('engine', HTMLSelectElement).value as Engine
  progress.clear(Number(input('steps').value))
  for (const side of bothSides) say(side, '–')
  say('reason', '')
  say('train-status', '')
  if (!isSmall && files.length === 0) {
    say('opened', 'Choose the folder of the model.')
    render()
    return
  }
  say('opened', 'Opening…')
  begin('opening', { kind: 'open', engine, files: isSmall ? null : files, name })
}

function ask(): void {
  const question = input('question').value.trim()
  const sides: Side[] = question === state.askedBefore ? [] : ['before']
  if (state.trained !== null) sides.push('after')
  else if (sides.length === 0) sides.push('before')
  for (const side of bothSides) if (sides.includes(side)) say(side, '…')
  if (state.trained === null) say('after', '–')
  find('before', HTMLElement).ariaBusy = find('after', HTMLElement).ariaBusy = 'true'
  state.askedBefore = question
  begin('answering', { kind: 'ask', question, sides })
}

function settings(): Settings {
  const number = (id: string) => input(id).valueAsNumber
  return {
    steps: number('steps'),
    batchSize: number('batch'),
    learningRate: number('rate'),
    rank: number('rank'),
    maxLength: number('length'),
  }
}

function hear(news: News): void {
  switch (news.kind) {
    case 'loading':
      say('opened', `Loading: ${news.done} of ${news.total} tensors`)
      break
    case 'opened': {
      const { model, parameters, description, reason, ...opened } = news.opened
      state.opened = news.opened
      say('opened', `${model}: ${count(parameters)} parameters in ${bytes(opened.bytes)}, on ${description}.`)
      say('reason', `Why there: ${reason}.`)
      end()
      break
    }
    case 'checked': {
      const rest = news.leftOut === 0 ? '' : `; ${count(news.leftOut)} without question or answer left out`
      say('data-status', `${count(news.pairs)} questions with answers${rest}.`)
      state.hasData = true
      render()
      break
    }
    case 'refused': {
      const isEmpty = data.value === ''
      say('data-status', isEmpty ? 'No questions yet.' : news.message, !isEmpty)
      state.hasData = false
      render()
      break
    }
    case 'warning':
      warning = ` ${news.message}.`
      say('train-status', news.message)
      break
    case 'training':
      warning = ''
      say('train-status', `Training ${count(news.trainable)} weights on ${count(news.examples)} questions.`)
      break
    case 'step': {
      const { step, steps, loss } = news.report
      progress.add(news.report)
      if (step % Math.ceil(steps / 5) === 0)
        say('train-status', `Step ${step} of ${steps}, loss ${loss.toFixed(3)}.${warning}`)
      break
    }
    case 'trained':
      state.trained = news
      say(
        'train-status',
        `${news.step < news.steps ? 'Stopped at' : 'Done:'} step ${news.step} of ${news.steps}.${warning}`,
      )
      end()
      // Who stops it wants the machine back, not an answer.
      if (news.step === news.steps && input('question').value.trim() !== '') ask()
      break
    case 'answer':
      say(news.side, news.text)
      break
    case 'answered':
      for (const side of bothSides) {
        if (find(side, HTMLElement).textContent === '…') say(side, '–')
      }
      find('before', HTMLElement).ariaBusy = find('after', HTMLElement).ariaBusy = 'false'
      end()
      break
    case 'saved':
      offer(news.zip, news.fileName)
      end()
      break
    case 'failed':
      fail(news.message)
      break
  }
}

function end(): void {
  state.busy = null
  render()
}

function fail(message: string): void {
  const alert = find('error', HTMLElement)
  alert.hidden = false
  alert.textContent = message
  if (state.opened === null) say('opened', 'No model.')
  if (state.busy === 'training') say('train-status', 'Training ended with an error.')
  end()
}

function offer(content: Uint8Array<ArrayBuffer>, fileName: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type: 'application/zip' }))
  link.download = fileName
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

function submitted(id: string, act: () => void): void {
  find(id, HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    act()
  })
}

worker.addEventListener('message', ({ data: news }: MessageEvent<News>) => hear(news))
worker.addEventListener('error', ({ message }) =>
  fail(`The worker of this page does not run: ${message || 'it could not be loaded'}.`),
)
submitted('train', () => {
  state.trained = null
  progress.clear(settings().steps)
  begin('training', { kind: 'train', data: data.value, settings: settings() })
})
submitted('ask', ask)
button('go-on').addEventListener('click', () => begin('training', { kind: 'go-on' }))
button('stop').addEventListener('click', () => {
  order({ kind: 'stop' })
  if (state.busy === 'training') say('train-status', 'Stopping after this step…')
  button('stop').disabled = true
})
button('save').addEventListener('click', () => begin('saving', { kind: 'save' }))
button('reload').addEventListener('click', openModel)
input('folder').addEventListener('change', openModel)
for (const [id, learningRate] of [
  ['small', '0.004'],
  ['large', '0.0002'],
] as const) {
  input(id).addEventListener('change', () => {
    input('rate').value = learningRate
    openModel()
  })
}
find('engine', HTMLSelectElement).addEventListener('change', openModel)
openModel()
