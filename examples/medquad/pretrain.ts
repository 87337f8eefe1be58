/**
 * Trains the small Falcon-RW that the recipe starts from, from nothing, on MedQuAD's answers as plain text: every parameter,
 * in f32, with the library's own training loop. Diseases of the validation and test parts are never seen.
 */
import { mkdir, rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  diskFolder,
  FalconForCausalLM,
  falconRwConfig,
  falconWeights,
  initialWeights,
  modelFiles,
  openDevice,
  restoreRun,
  saveRun,
  checkpointFiles,
  tokenizerFromJson,
  TrainingRun,
  writeFolder,
  type Example,
} from 'peft-medaware'
import { loadMedquad } from './data/load-medquad.ts'
import { cacheDirectory } from './data/cache-directory.ts'
import { count, describeStep, duration, ProgressLine } from './progress.ts'
import { tokenizerConfig, trainMedquadTokenizer } from './train-tokenizer.ts'

const help = `Trains the recipe's small Falcon-RW from nothing on MedQuAD's answers.

  npm run medquad:pretrain -- [options]

  --data DIR|ARCHIVE  MedQuAD; default: downloaded once
  --out DIR           where the model goes              (out/medquad-base)
  --tokens N          tokens to read in all             (6000000)
  --hidden N --layers N --heads N --vocab N             (160, 5, 5, 2048)
  --length N          tokens of a training window       (256)
  --batch N           windows of an optimiser step      (8)
  --lr X              peak learning rate                (4e-3)
  --seed N            (0)
  --device cpu|webgpu|auto                              (auto)

Ctrl-C saves a checkpoint in OUT; the same command goes on from it.`

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string', default: 'out/medquad-base' },
    tokens: { type: 'string', default: '6000000' },
    hidden: { type: 'string', default: '160' },
    layers: { type: 'string', default: '5' },
    heads: { type: 'string', default: '5' },
    vocab: { type: 'string', default: '2048' },
    length: { type: 'string', default: '256' },
    batch: { type: 'string', default: '8' },
    lr: { type: 'string', default: '4e-3' },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'auto' },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(help)
  process.exit(0)
}

const seed = Number(flags.seed)
const length = Number(flags.length)
const batchSize = Number(flags.batch)
const line = new ProgressLine()
const { device, reason } = await openDevice({ device: flags.device as 'auto' | 'cpu' | 'webgpu' })
console.log(`device     ${device.description} (${reason})`)

const data = await loadMedquad({
  ...(flags.data && { data: flags.data }),
  cacheDir: cacheDirectory(),
  seed: 0,
  warn: console.error,
})
const tokenizerJson = trainMedquadTokenizer(data.train, { vocabSize: Number(flags.vocab) })
const tokenizer = tokenizerFromJson({ ...tokenizerJson }, tokenizerConfig())
const eos = tokenizer.eosTokenId ?? 0
const stream = Int32Array.from(data.train.flatMap(({ answer }) => [...tokenizer.encode(answer), eos]))
const windows: Example[] = Array.from({ length: Math.floor(stream.length / length) }, (_, i) => {
  const inputIds = stream.slice(i * length, (i + 1) * length)
  return { inputIds, labels: inputIds }
})
console.log(
  `data       ${count(data.train.length)} answers, ${count(stream.length)} tokens, ${count(windows.length)} windows of ${length}`,
)

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
const model = new FalconForCausalLM(config, initialWeights(device, specs, config.initializerRange, seed)).requireGrad(
  true,
)
console.log(`model      ${count(specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0))} parameters`)

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
  console.log(`resumed    at step ${run.step}`)
}

let stop = false
process.once('SIGINT', () => (stop = true))
const started = Date.now()
let smooth = 0
for await (const report of run) {
  smooth = smooth === 0 ? report.loss : 0.98 * smooth + 0.02 * report.loss
  line.show(`${describeStep(report)}  (smoothed ${smooth.toFixed(3)}, norm ${report.gradNorm.toFixed(2)})`)
  if (report.step % 250 === 0 || stop) await saveRun(run, flags.out)
  if (stop) {
    line.done(`stopped at step ${report.step}; the same command goes on from ${flags.out}`)
    process.exit(130)
  }
}
line.done(
  `trained    ${run.steps} steps in ${duration((Date.now() - started) / 1000)}, smoothed loss ${smooth.toFixed(3)}`,
)
await writeFolder(flags.out, await modelFiles(model, 'F16'))
await writeFolder(
  flags.out,
  new Map([
    ['tokenizer.json', JSON.stringify(tokenizerJson)],
    ['tokenizer_config.json', `${JSON.stringify(tokenizerConfig(), null, 2)}\n`],
  ]),
)
for (const name of Object.values(checkpointFiles)) await rm(`${flags.out}/${name}`, { force: true })
console.log(`saved      ${flags.out}`)
device.dispose()
