import { parseArgs } from 'node:util'
import {
  attachLora,
  type Example,
  loadDataset,
  loadModel,
  openDevice,
  prepareExamples,
  TrainingRun,
} from '../src/index.ts'
import { ratios, summarise } from './stats.ts'

/**
 * Tokens of text a second of a LoRA run on rows padded, and packed, in alternating rounds:
 * `npx tsx bench/packing.ts ROWS [--model FOLDER] [--maxLength 512] [--rounds 5] [--steps 8]`. ROWS is a file of rows.
 * The clock is the processor time of all threads, which other programs do not lengthen.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'examples/medquad/base' },
    maxLength: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '8' },
  },
})
const maxLength = Number(values.maxLength)
const { device } = await openDevice({ device: 'cpu' })
const { model, tokenizer } = await loadModel(values.model, { device })
if (tokenizer === null) throw new Error(`${values.model} has no tokenizer`)
const rows = await loadDataset(positionals[0] ?? 'pairs.jsonl')
const padded = await prepareExamples(tokenizer, rows, { maxLength })
const packed = await prepareExamples(tokenizer, rows, { maxLength, packing: true })
attachLora(model, { r: 8, targetModules: 'all-linear' })

/** Tokens of text for each second of processor time; the first step, in which programs and tables are made, aside. */
async function speed(examples: readonly Example[], batchSize: number, seed: number): Promise<number> {
  const run = new TrainingRun(model, examples, {
    maxSteps: Number(values.steps) + 1,
    batchSize,
    learningRate: 1e-4,
    seed,
  })
  let tokens = 0
  let began: NodeJS.CpuUsage | null = null
  for await (const report of run) {
    if (began === null) began = process.cpuUsage()
    else tokens += report.tokens
  }
  const { user, system } = process.cpuUsage(began ?? undefined)
  run.dispose()
  return tokens / ((user + system) / 1e6)
}

const apart: number[] = []
const together: number[] = []
for (let round = 0; round < Number(values.rounds); round++) {
  apart.push(await speed(padded.examples, 8, round))
  together.push(await speed(packed.examples, 2, round))
}
const figures = { padded: apart, packed: together, ratio: ratios(together, apart) }
for (const [name, samples] of Object.entries(figures)) {
  const { median, least, most } = summarise(samples)
  console.log(`${name}: ${median.toPrecision(3)} (${least.toPrecision(3)} to ${most.toPrecision(3)})`)
}
