import { type ModelWorker, startWorker, type WorkerAdapter, type WorkerModel } from 'peft-medaware/worker'
import rowsOfStart from './rows.jsonl?raw'
import { download, drawCurve, find } from './page.ts'
import { fetchSmallBase } from './small-base.ts'

const train = find('train', HTMLButtonElement)
const stop = find('stop', HTMLButtonElement)
const save = find('save', HTMLButtonElement)
const rowsInput = find('rows', HTMLTextAreaElement)
const maxSteps = 80

let worker: ModelWorker | null = null
let adapter: WorkerAdapter | null = null
let stopping = new AbortController()

rowsInput.value = rowsOfStart
train.addEventListener('click', () => void trainOnce())
stop.addEventListener('click', () => stopping.abort())
save.addEventListener('click', () => void saveAdapter())

/** Loads the model, asks it, trains an adapter, and asks again. All work is done in a worker: the page stays free. */
async function trainOnce(): Promise<void> {
  stopping = new AbortController()
  const { signal } = stopping
  setRunning(true)
  try {
    const rows = parseRows(rowsInput.value)
    const question = find('question', HTMLInputElement).value
    const name = find('model', HTMLSelectElement).value
    for (const id of ['before', 'after']) find(id, HTMLParagraphElement).textContent = ''
    drawCurve([], maxSteps)

    // Each training begins with a fresh worker, so that nothing of the last one holds memory.
    worker?.terminate()
    adapter = null
    say('Opening a device …')
    worker = await startWorker()
    const source = name === '' ? await fetchSmallBase() : name
    const model = await worker.loadModel(source, {
      quantize: { type: 'nf4' },
      signal,
      onProgress: (progress) => {
        const { phase, done, total } = progress
        say(`${phase === 'download' ? 'Downloading' : 'Loading'} … ${Math.round((100 * done) / total)} %`)
      },
    })
    say(`${worker.device.description}: asking before`)
    await answer(model, question, 'before', signal)

    adapter = await model.attachLora({ r: 16, loraAlpha: 32, targetModules: 'all-linear' })
    const losses: number[] = []
    await model.train(rows, {
      maxSteps,
      batchSize: 8,
      learningRate: name === '' ? 3e-3 : 2e-4,
      schedule: 'cosine',
      warmup: 0.05,
      signal,
      callbacks: [
        {
          name: 'page',
          onStepEnd: ({ step, steps, loss, tokensPerSecond, secondsLeft }) => {
            losses.push(loss)
            drawCurve(losses, steps)
            const rate = `${Math.round(tokensPerSecond)} tokens/s, ${Math.round(secondsLeft)} s left`
            say(`Step ${step} of ${steps}: loss ${loss.toFixed(3)}, ${rate}`)
          },
        },
      ],
    })
    await answer(model, question, 'after', signal)
    say(`Done on ${worker.device.description}: loss ${losses[0]?.toFixed(3)} to ${losses.at(-1)?.toFixed(3)}`)
  } catch (error) {
    if (signal.aborted) say('Stopped.')
    else say(error instanceof Error ? error.message : String(error))
  } finally {
    setRunning(false)
  }
}

/** Writes an answer as it comes. */
async function answer(model: WorkerModel, question: string, id: string, signal: AbortSignal): Promise<void> {
  const place = find(id, HTMLParagraphElement)
  const options = { maxNewTokens: 64, doSample: false, signal }
  for await (const piece of model.generateText(await promptOf(model, question), options)) place.append(piece)
}

/** What the model reads: by its chat template, or as rows of question and answer are trained on without one. */
async function promptOf(model: WorkerModel, content: string): Promise<string | number[]> {
  if (model.tokenizer?.hasChatTemplate !== true) return `Question: ${content}\nAnswer:`
  const text = await model.applyChatTemplate([{ role: 'user', content }], { addGenerationPrompt: true })
  return model.encode(text, { addSpecialTokens: false })
}

function parseRows(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) throw new Error('Give at least one line, {"question": "…", "answer": "…"}.')
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as Record<string, unknown>
    } catch (cause) {
      throw new Error(`Line ${i + 1} is no JSON: ${line.slice(0, 60)}`, { cause })
    }
  })
}

/** Hands out the three files that Hugging Face's PEFT reads. */
async function saveAdapter(): Promise<void> {
  if (adapter === null) return
  for (const [name, bytes] of await adapter.adapterFiles()) download(name, bytes)
}

function setRunning(isRunning: boolean): void {
  train.disabled = isRunning
  stop.disabled = !isRunning
  save.disabled = isRunning || adapter === null
}

function say(text: string): void {
  find('status', HTMLParagraphElement).textContent = text
}
