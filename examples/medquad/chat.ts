/** Asks the fine-tuned model questions in the terminal: `npm run medquad:chat`. */
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { generateText, loadModel, openAdapter, openDevice } from 'peft-medaware'
import { baseFolder, deviceName } from './options.ts'
import { promptOf } from './prompt.ts'

const help = `Asks a model tuned by "npm run medquad" questions. A demonstration, and no medical advice.

  npm run medquad:chat -- [options]

  --adapter DIR   the adapter                          (out/medquad/adapter)
  --base          ask the base model, without adapter
  --model DIR     the base model it was trained on     (examples/medquad/base)
  --device WHICH  auto, cpu or webgpu                  (auto)
  --tokens N      the longest answer                   (200)
  --temperature X 0 answers greedily                   (0.7)
  --seed N        (0)
  --help

Ctrl-C stops an answer; an empty line or Ctrl-D ends.`

const { values: flags } = parseArgs({
  options: {
    adapter: { type: 'string', default: 'out/medquad/adapter' },
    base: { type: 'boolean', default: false },
    model: { type: 'string', default: baseFolder },
    device: { type: 'string', default: 'auto' },
    tokens: { type: 'string', default: '200' },
    temperature: { type: 'string', default: '0.7' },
    seed: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(help)
  process.exit(0)
}

const { device, reason } = await openDevice({ device: deviceName(flags.device) })
const { model, tokenizer } = await loadModel(flags.model, { device, quantize: { type: 'nf4' } })
if (tokenizer === null) throw new Error(`${flags.model} has no tokenizer.json`)
if (!flags.base) await openAdapter(model, flags.adapter, { device })
console.log(`${device.description}: ${reason}`)
console.log('A demonstration of a very small language model. It makes things up: nothing it says is medical advice.\n')

const temperature = Number(flags.temperature)
const sampling = temperature > 0 ? { doSample: true, temperature, topP: 0.9 } : {}
const options = { ...sampling, maxNewTokens: Number(flags.tokens), repetitionPenalty: 1.15, seed: Number(flags.seed) }
const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' })
let answering: AbortController | null = null
terminal.on('SIGINT', () => (answering === null ? terminal.close() : answering.abort()))

terminal.prompt()
for await (const line of terminal) {
  const question = line.trim()
  if (question === '') break
  answering = new AbortController()
  try {
    for await (const text of generateText(model, tokenizer, promptOf(question), {
      ...options,
      signal: answering.signal,
    })) {
      process.stdout.write(text)
    }
  } catch (error) {
    if (!answering.signal.aborted) throw error
  }
  answering = null
  process.stdout.write('\n\n')
  terminal.prompt()
}
terminal.close()
device.dispose()
