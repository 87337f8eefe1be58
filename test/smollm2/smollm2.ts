/**
 * `npm run smollm2 -- GGUF NUMBERS [--device cpu|webgpu] [--benchmarks DIR [--questions N]]`: a real model,
 * SmolLM2-135M-Instruct in its GGUF file, beside the numbers that the Python stack has of it: weights, tokens, logits,
 * greedy texts, NF4 and eight steps of QLoRA; on WebGPU the logits and a step. With the folder of questions just what
 * lm-evaluation-harness makes of them, of N a task or of all 160. One line a check, with the largest deviation; exit 1
 * if one fails.
 */
import { parseArgs } from 'node:util'
import { type LoadModelOptions, loadModel, openDevice } from '../../src/index.ts'
import { CheckLines } from '../golden/check-lines.ts'
import type { Check } from '../golden/check.ts'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'
import { answerChecks } from './answer-checks.ts'
import { evaluationChecks } from './evaluation-checks.ts'
import { Numbers } from './numbers.ts'
import { allSteps, qloraChecks } from './qlora-checks.ts'
import { quantisedChecks, theirBase } from './quantised-checks.ts'
import { tokenizerChecks } from './tokenizer-checks.ts'
import { weightChecks } from './weight-checks.ts'

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'cpu' },
    benchmarks: { type: 'string' },
    questions: { type: 'string', default: '100' },
  },
})
const [file, path] = positionals
const engine = (['cpu', 'webgpu'] as const).find((one) => one === flags.device)
if (file === undefined || path === undefined || engine === undefined) {
  console.error(
    'usage: npm run smollm2 -- GGUF NUMBERS [--device cpu|webgpu] [--benchmarks DIR [--questions N]]   NUMBERS is the folder of its numbers',
  )
  process.exit(2)
}

const { device } = await openDevice({ device: engine })
const numbers = new Numbers(path)
const lines = new CheckLines([84, 0])
const isWhole = engine === 'cpu'
const load = (options: Partial<LoadModelOptions> = {}) => loadModel(file, { device, ...options })

/** Prints checks, and how long they took together. */
async function print(what: string, checks: AsyncGenerator<Check>): Promise<void> {
  const start = performance.now()
  for await (const check of checks) lines.print(check.name, '', check)
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
}

/** What the model is: its numbers, its tokens and its answers. */
async function checkModel(): Promise<void> {
  const { model, tokenizer } = await load()
  if (tokenizer === null) throw new Error(`${file} has no tokenizer`)
  if (isWhole) {
    await print('weights', weightChecks(model, numbers))
    await print("the GGUF's tokenizer", tokenizerChecks(tokenizer, numbers))
    const other = tokenizerFromJson(numbers.text('tokenizer.json'), numbers.text('tokenizer_config.json'))
    await print("tokenizer.json's", tokenizerChecks(other, numbers))
  }
  await print('answers', answerChecks(model, tokenizer, numbers, { isGreedy: isWhole }))
  model.dispose()
}

/** What the model answers to questions of medicine. */
async function checkEvaluation(benchmarks: string): Promise<void> {
  const { model, tokenizer } = await load()
  if (tokenizer === null) throw new Error(`${file} has no tokenizer`)
  const most = Number(flags.questions)
  await print('evaluation', evaluationChecks(model, tokenizer, numbers, { benchmarks, most }))
  model.dispose()
}

async function checkQlora(): Promise<void> {
  const { model } = await load({ quantize: { type: 'nf4' } })
  if (isWhole) {
    const { model: single } = await load({ quantize: { type: 'nf4', doubleQuant: false } })
    await print('NF4', quantisedChecks(model, single, numbers))
    single.dispose()
  }
  await print('their base', theirBase(model, numbers))
  await print('QLoRA', qloraChecks(model, numbers, isWhole ? allSteps : 1))
  model.dispose()
}

console.log(`SmolLM2-135M-Instruct on ${device.description}\n`)
if (flags.benchmarks !== undefined) {
  await checkEvaluation(flags.benchmarks)
} else {
  await checkModel()
  await checkQlora()
}
await numbers.close()
device.dispose()
console.log(`${lines.passed} passed, ${lines.failed} failed, ${lines.leftOut} left out`)
process.exit(lines.exitCode)
