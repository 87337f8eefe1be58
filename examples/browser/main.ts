/** The page: it does what a person wants by the session, whose model is in a worker, and shows what comes of it. */
import { bytes, count } from '../medquad/words.ts'
import { DataInput } from './data-input.ts'
import { button, find, input, say } from './find.ts'
import { handOut } from './hand-out.ts'
import { chosenModel, pickers } from './model-choice.ts'
import { type Engine, Opening } from './opening.ts'
import { loadingLine, planWords } from './opening-words.ts'
import { readPairs } from './pairs.ts'
import { ProgressView } from './progress-view.ts'
import type { Session, Settings, Side } from './session.ts'

const bothSides: readonly Side[] = ['before', 'after']

/** What there is, and what is being done with it. */
const state = {
  busy: null as 'opening' | 'training' | 'answering' | 'saving' | null,
  /** A model that waits for a word before it is fetched. */
  waiting: null as Opening | null,
  session: null as Session | null,
  hasData: false,
  /** Of the adapter there is: how far it was trained. */
  trained: null as { step: number; steps: number } | null,
  /** The question whose answer stands under "Before training". */
  askedBefore: null as string | null,
}
/** Of what was begun last. */
let stop = new AbortController()
/** What the run of now was warned of, behind a space. */
let warning = ''
const data = new DataInput((now) => void checkData(now))
const progress = new ProgressView()

function render(): void {
  const { busy, waiting, session, hasData, trained } = state
  // Another model can be chosen while one is on its way.
  const isHeld = busy !== null && busy !== 'opening'
  const isFree = busy === null && session !== null
  button('start').disabled = !isFree || !hasData
  button('stop').disabled = busy !== 'training' && busy !== 'answering'
  button('go-on').hidden = trained === null || trained.step >= trained.steps
  button('go-on').disabled = !isFree
  button('ask-button').disabled = !isFree
  button('save').disabled = !isFree || trained === null
  button('reload').disabled = busy !== null
  button('fetch').hidden = busy !== null || waiting === null
  button('halt').hidden = busy !== 'opening'
  for (const element of [find('model', HTMLFieldSetElement), find('engine', HTMLSelectElement), ...pickers()]) {
    element.disabled = isHeld
  }
}

/** Does one thing, and shows its error where it fails; what was under way is no more waited for. */
async function doing(
  busy: NonNullable<typeof state.busy>,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  state.busy = busy
  const own = (stop = new AbortController())
  find('error', HTMLElement).hidden = true
  render()
  try {
    await work(own.signal)
  } catch (error) {
    if (stop === own && !own.signal.aborted) fail(sentence(error))
  } finally {
    if (stop === own) state.busy = null
    render()
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function session(): Session {
  if (state.session === null) throw new Error('There is no model; choose one first.')
  return state.session
}

function openModel(): void {
  const { name, source, isOnHub } = chosenModel()
  stop.abort()
  state.session?.close()
  state.waiting?.close()
  state.session = state.waiting = state.trained = state.askedBefore = null
  const engine = find('engine', HTMLSelectElement).value as Engine
  progress.clear(Number(input('steps').value))
  for (const side of bothSides) say(side, '–')
  say('reason', '')
  say('train-status', '')
  if (source === null) {
    say('opened', 'Choose the folder of the model.')
    state.busy = null
    render()
    return
  }
  say('opened', isOnHub ? 'Asking the Hub…' : 'Opening…')
  void doing('opening', async (signal) => {
    await carried(await Opening.start(engine, await source(), name), signal, async (opening) => {
      const plan = isOnHub ? await opening.plan(settings(), signal) : null
      if (plan === null || plan.missing === 0) return load(opening, signal)
      signal.throwIfAborted()
      const { text, isTooLarge } = planWords(name, plan)
      say('opened', text, isTooLarge)
      button('fetch').textContent = `Fetch ${bytes(plan.missing)} and load`
      state.waiting = opening
    })
  })
}

/** Frees what is being opened where that is stopped, or fails. */
async function carried(opening: Opening, signal: AbortSignal, work: (opening: Opening) => Promise<void>) {
  try {
    signal.throwIfAborted()
    await work(opening)
  } catch (error) {
    opening.close()
    throw error
  }
}

async function load(opening: Opening, signal: AbortSignal): Promise<void> {
  const tell = (text: string) => signal.aborted || say('opened', text)
  const opened = await opening.load((progress) => tell(loadingLine(progress)), signal)
  signal.throwIfAborted()
  state.session = opened
  const { name, parameters, description, reason } = opened
  say('opened', `${name}: ${count(parameters)} parameters in ${bytes(opened.bytes)}, on ${description}.`)
  say('reason', `Why there: ${reason}.`)
}

/** Fetches what was waited with; where that fails or is stopped, it can be gone on with. */
function fetchModel(): void {
  const { waiting } = state
  if (waiting === null) return
  state.waiting = null
  say('opened', 'Opening…')
  void doing('opening', async (signal) => {
    try {
      await load(waiting, signal)
    } catch (error) {
      if (stop.signal === signal) state.waiting = waiting
      else waiting.close()
      button('fetch').textContent = 'Go on fetching'
      throw error
    }
  })
}

function halt(): void {
  stop.abort()
  say('opened', 'Stopped. What has come is kept.')
}

async function checkData(now: string | File): Promise<void> {
  try {
    const { pairs, leftOut } = readPairs(await contentOf(now))
    const rest = leftOut === 0 ? '' : `; ${count(leftOut)} without question or answer left out`
    say('data-status', `${count(pairs.length)} questions with answers${rest}.`)
    state.hasData = true
  } catch (error) {
    const isEmpty = now === ''
    say('data-status', isEmpty ? 'No questions yet.' : sentence(error), !isEmpty)
    state.hasData = false
  }
  render()
}

async function contentOf(given: string | File): Promise<string | Uint8Array> {
  return typeof given === 'string' ? given : new Uint8Array(await given.arrayBuffer())
}

async function begin(signal: AbortSignal): Promise<void> {
  warning = ''
  const { pairs } = readPairs(await contentOf(data.value))
  const begun = await session().begin(pairs, settings(), (message) => {
    warning = ` ${message}.`
    say('train-status', message)
  })
  say('train-status', `Training ${count(begun.trainable)} weights on ${count(begun.examples)} questions.${warning}`)
  await train(signal)
}

async function train(signal: AbortSignal): Promise<void> {
  for await (const report of session().train(signal)) {
    const { step, steps, loss } = report
    progress.add(report)
    if (step % Math.ceil(steps / 5) === 0)
      say('train-status', `Step ${step} of ${steps}, loss ${loss.toFixed(3)}.${warning}`)
  }
  const { step, steps } = (state.trained = session().progress)
  say('train-status', `${step < steps ? 'Stopped at' : 'Done:'} step ${step} of ${steps}.${warning}`)
}

/** Who stops it wants the machine back, not an answer. */
function askWhenDone(): void {
  const { trained } = state
  if (trained?.step === trained?.steps && trained !== null && input('question').value.trim() !== '') ask()
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
  void doing('answering', async (signal) => {
    try {
      for (const side of sides) if (!signal.aborted) await answer(question, side, signal)
    } finally {
      for (const side of bothSides) if (find(side, HTMLElement).textContent === '…') say(side, '–')
      find('before', HTMLElement).ariaBusy = find('after', HTMLElement).ariaBusy = 'false'
    }
  })
}

async function answer(question: string, side: Side, signal: AbortSignal): Promise<void> {
  let text = ''
  for await (const piece of session().answer(question, side, signal)) {
    text += piece
    say(side, text.trim())
  }
  if (text === '') say(side, '(nothing)')
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

function fail(message: string): void {
  const alert = find('error', HTMLElement)
  alert.hidden = false
  alert.textContent = message
  if (state.session === null) say('opened', 'No model.')
  if (state.busy === 'training') say('train-status', 'Training ended with an error.')
}

function submitted(id: string, act: () => void): void {
  find(id, HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    act()
  })
}

submitted('train', () => {
  state.trained = null
  progress.clear(settings().steps)
  void doing('training', begin).then(askWhenDone)
})
submitted('ask', ask)
button('go-on').addEventListener('click', () => void doing('training', train).then(askWhenDone))
button('stop').addEventListener('click', () => {
  stop.abort()
  if (state.busy === 'training') say('train-status', 'Stopping after this step…')
  button('stop').disabled = true
})
button('save').addEventListener('click', () => void doing('saving', async () => handOut(await session().files())))
button('reload').addEventListener('click', openModel)
button('fetch').addEventListener('click', fetchModel)
button('halt').addEventListener('click', halt)
for (const [id, other] of [
  ['folder', 'gguf'],
  ['gguf', 'folder'],
] as const) {
  input(id).addEventListener('change', () => {
    input(other).value = ''
    openModel()
  })
}
for (const [id, learningRate] of [
  ['small', '0.004'],
  ['smollm2', '0.0005'],
  ['qwen3', '0.0002'],
  ['large', '0.0002'],
] as const) {
  input(id).addEventListener('change', () => {
    input('rate').value = learningRate
    openModel()
  })
}
find('engine', HTMLSelectElement).addEventListener('change', openModel)
openModel()
