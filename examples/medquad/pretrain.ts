/**
 * Trains the small Falcon-RW that the recipe starts from, from nothing, on MedQuAD's answers as plain text: every parameter,
 * in f32, with the library's own training loop. Diseases of the validation and test parts are never seen.
 */
import { mkdir, rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  countParameters,
  diskFolder,
  FalconForCausalLM,
  falconRwConfig,
  falconWeights,
  initialWeights,
  openDevice,
  restoreRun,
  saveModel,
  saveRun,
  checkpointFiles,
  tokenizerFromJson,
  TrainingRun,
  writeFolder,
} from 'peft-medaware'
import { loadMedquad } from './data/load-medquad.ts'
import { cacheDirectory } from './data/cache-directory.ts'
import { splitForBase } from './data/split-medquad.ts'
import { baseCard } from './base-card.ts'
import { answerWindows, measure } from './held-out.ts'
import { cpuOptions, deviceName } from './options.ts'
import { count, describeStep, duration } from './progress.ts'
import { reportErrorsPlainly, Story } from './story.ts'
import { tokenizerConfig, trainMedquadTokenizer } from './train-tokenizer.ts'

const help = `Trains the recipe's small Falcon-RW from nothing on MedQuAD's answers.

  npm run medquad:pretrain -- [options]

  --data DIR|ARCHIVE  MedQuAD; default: downloaded once
  --out DIR           where the model goes              (out/medquad-base)
  --tokens N          tokens to read in all             (6500000)
  --hidden N --layers N --heads N --vocab N             (128, 5, 4, 2048)
  --length N          tokens of a training window       (256)
  --batch N           windows of an optimiser step      (4)
  --lr X              peak learning rate                (3e-3)
  --seed N            (0)
  --device cpu|webgpu|auto                              (auto)
  --threads N, --build NAME  of the CPU engine, as in npm run medquad

Ctrl-C saves a checkpoint in OUT; the same command goes on from it.`

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string', default: 'out/medquad-base' },
    tokens: { type: 'string', default: '6500000' },
    hidden: { type: 'string', default: '128' },
    layers: { type: 'string', default: '5' },
    heads: { type: 'string', default: '4' },
    vocab: { type: 'string', default: '2048' },
    length: { type: 'string', default: '256' },
    batch: { type: 'string', default: '4' },
    lr: { type: 'string', default: '3e-3' },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'auto' },
    threads: { type: 'string' },
    build: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(help)
  process.exit(0)
}

reportErrorsPlainly()
const seed = Number(flags.seed)
const length = Number(flags.length)
const batchSize = Number(flags.batch)
const story = new Story()
const { device, reason } = await openDevice({ device: deviceName(flags.device), cpu: cpuOptions(flags) })
story.say('device', `${device.description}: ${reason}`)

const data = await loadMedquad({
  ...(flags.data !== undefined && { data: flags.data }),
  cacheDir: cacheDirectory(),
  warn: (text) => story.say('WARNING', text),
})
const { read } = splitForBase(data.train)
const tokenizerJson = trainMedquadTokenizer(read, { vocabSize: Number(flags.vocab) })
const tokenizer = tokenizerFromJson({ ...tokenizerJson }, tokenizerConfig())
const eos = tokenizer.eosTokenId ?? 0
const windows = answerWindows(tokenizer, read, length)
story.say('data', `${count(read.length)} answers, ${count(windows.length)} windows of ${length} tokens`)

const config = falconRwConfig({
  vocabSize: Number(flags.vocab),
  hiddenSize: Number(flags.hidden),
  numHiddenLayers: Number(flags.layers),
  numAttentionHeads: Number(flags.heads),
  maxPositionEmbeddings: 1024,
  bosTokenId: eos,
  eosTokenId: eos,
})
const specs = falconWeights(config)
const weights = initialWeights(device, specs, config.initializerRange, seed)
const model = new FalconForCausalLM(config, weights).requireGrad(true)
const parameters = countParameters(model).trainable
story.say('model', `${count(parameters)} parameters`)

const run = new TrainingRun(model, windows, {
  maxSteps: Math.ceil(Number(flags.tokens) / (batchSize * length)),
  batchSize,
  learningRate: Number(flags.lr),
  schedule: 'cosine',
  warmup: 0.02,
  betas: [0.9, 0.98],
  weightDecay: 0.1,
  maxGradNorm: 1,
  seed,
})
await mkdir(flags.out, { recursive: true })
const folder = diskFolder(flags.out)
if (await folder.has(checkpointFiles.state)) {
  await restoreRun(run, folder)
  story.say('resumed', `at step ${run.step}`)
}

let stop = false
process.once('SIGINT', () => (stop = true))
const started = Date.now()
let smooth = 0
for await (const report of run) {
  smooth = smooth === 0 ? report.loss : 0.98 * smooth + 0.02 * report.loss
  story.line.show(`${describeStep(report)}  (smoothed ${smooth.toFixed(3)})`)
  if (report.step % 250 === 0 || stop) await saveRun(run, flags.out)
  if (stop) {
    story.say('stopped', `at step ${report.step}; the same command goes on from ${flags.out}`)
    process.exit(130)
  }
}
const seconds = (Date.now() - started) / 1000
story.say('trained', `${run.steps} steps in ${duration(seconds)}`)

const heldOut = await measure(model, answerWindows(tokenizer, data.validation, length), story.line)
story.measured('held-out', heldOut)
const batchTokens = batchSize * length
const made = {
  config,
  parameters,
  batchTokens,
  tokens: run.steps * batchTokens,
  corpus: windows.length * length,
  heldOut,
}
const card = baseCard({ ...made, seed, seconds, learningRate: Number(flags.lr), engine: device.description })
await saveModel(model, flags.out, { dtype: 'f16' })
await writeFolder(
  flags.out,
  new Map([
    ['tokenizer.json', JSON.stringify(tokenizerJson)],
    ['tokenizer_config.json', `${JSON.stringify(tokenizerConfig(), null, 2)}\n`],
    ['README.md', card],
  ]),
)
for (const name of Object.values(checkpointFiles)) await rm(`${flags.out}/${name}`, { force: true })
story.say('saved', flags.out)
device.dispose()
