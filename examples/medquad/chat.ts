/** Asks the fine-tuned model questions in the terminal: `npm run medquad:chat`. */
import { createInterface } from 'node:readline/promises'
import { generateText, loadModel, openAdapter, openDevice } from 'peft-medaware'
import { deviceFlag, number, readFlags, text, there, whole } from './flags.ts'
import { baseOf } from './bases.ts'
import { dialogueOf } from './dialogue.ts'
import { reportErrorsPlainly } from './story.ts'

const help = `Asks a model tuned by "npm run medquad" questions. A demonstration, and no medical advice.

  npm run medquad:chat -- [options]

  --adapter DIR   the adapter                          (out/medquad)
  --base          ask the base model, without adapter
  --model SOURCE  the base model it was trained on     (examples/medquad/base)
  --device WHICH  auto, cpu or webgpu                  (auto)
  --tokens N      the longest answer                   (200)
  --temperature X 0 answers greedily                   (0.7)
  --seed N        (0)
  --help

Ctrl-C stops an answer; an empty line or Ctrl-D ends.`

const flags = readFlags(
  process.argv.slice(2),
  {
    adapter: text('out/medquad'),
    base: there,
    model: text(undefined),
    device: deviceFlag,
    tokens: whole(200),
    temperature: number(0.7, { from0: true }),
    seed: whole(0, 0),
  },
  help,
)

reportErrorsPlainly()
const { device, reason } = await openDevice({ device: flags.device, cpu: { build: 'fastest' } })
const { source } = baseOf(flags.model)
const { model, tokenizer } = await loadModel(source, { device, quantize: { type: 'nf4' } })
if (tokenizer === null) throw new Error(`${source} has no tokenizer.json`)
const { promptOf } = dialogueOf(tokenizer)
if (!flags.base) await openAdapter(model, flags.adapter, { device })
console.log(`${device.description}: ${reason}`)
console.log('A demonstration of a very small language model. It makes things up: nothing it says is medical advice.\n')

const { temperature, seed, tokens: maxNewTokens } = flags
const sampling = temperature > 0 ? { doSample: true, temperature, topP: 0.9 } : {}
const options = { ...sampling, maxNewTokens, repetitionPenalty: 1.15, seed }
const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' })
let answering: AbortController | null = null
terminal.on('SIGINT', () => (answering === null ? terminal.close() : answering.abort()))

terminal.prompt()
for await (const line of terminal) {
  const question = line.trim()
  if (question === '') break
  answering = new AbortController()
  try {
    for await (const text of generateText(model, tokenizer, await promptOf(question), {
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
