/**
 * Trains the small Falcon-RW that the recipe starts from, from nothing, on the answers of half of MedQuAD's training
 * diseases as plain text: every parameter, in f32, with the library's own training loop. No other disease is ever seen.
 */
import { rm } from 'node:fs/promises'
import {
  countParameters,
  evaluateLoss,
  openDevice,
  ProgressLine,
  saveModel,
  tokenizerFromJson,
  Trainer,
  writeFolder,
} from 'peft-medaware'
import { FalconForCausalLM, falconRwConfig, initialWeights, modelWeights } from 'peft-medaware/models'
import { answerWindows } from './answer-windows.ts'
import { loadMedquad } from './data/load-medquad.ts'
import { cacheDirectory } from './data/cache-directory.ts'
import { splitForBase } from './data/split-medquad.ts'
import { baseCard } from './base-card.ts'
import { buildFlag, deviceFlag, number, readFlags, text, whole } from './flags.ts'
import { Interrupts } from './interrupts.ts'
import { cpuOptions } from './options.ts'
import { lockFolder } from './run-lock.ts'
import { reportErrorsPlainly, Story } from './story.ts'
import { tokenizerConfig, trainMedquadTokenizer } from './train-tokenizer.ts'
import { count, duration } from './words.ts'

const help = `Trains the recipe's small Falcon-RW from nothing on the answers of half of MedQuAD's diseases.

  npm run medquad:pretrain -- [options]

  --data DIR|FILE     MedQuAD; default: downloaded once
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

const table = {
  data: text(undefined),
  out: text('out/medquad-base'),
  tokens: whole(6_500_000),
  hidden: whole(128),
  layers: whole(5),
  heads: whole(4),
  vocab: whole(2048, 257),
  length: whole(256, 2),
  batch: whole(4),
  lr: number(3e-3),
  seed: whole(0, 0),
  device: deviceFlag,
  threads: whole(undefined),
  build: buildFlag,
}
const flags = readFlags(process.argv.slice(2), table, help)
const { seed, length, batch: batchSize, hidden, layers, heads, vocab, lr, tokens } = flags

reportErrorsPlainly()
const line = new ProgressLine(process.stderr, { memoryBytes: () => process.memoryUsage.rss() })
const story = new Story(line)
const { device, reason } = await openDevice({ device: flags.device, cpu: cpuOptions(flags) })
story.say('device', `${device.description}: ${reason}`)

const data = await loadMedquad({
  ...(flags.data !== undefined && { data: flags.data }),
  cacheDir: cacheDirectory(),
  warn: story.warn,
})
const { read } = splitForBase(data.train)
const tokenizerJson = trainMedquadTokenizer(read, { vocabSize: vocab })
const tokenizer = tokenizerFromJson({ ...tokenizerJson }, tokenizerConfig())
const eos = tokenizer.eosTokenId ?? 0
const windows = answerWindows(tokenizer, read, length)
story.say('data', `${count(read.length)} answers, ${count(windows.length)} windows of ${length} tokens`)

const config = falconRwConfig({
  vocabSize: vocab,
  hiddenSize: hidden,
  numHiddenLayers: layers,
  numAttentionHeads: heads,
  maxPositionEmbeddings: 1024,
  bosTokenId: eos,
  eosTokenId: eos,
})
const specs = modelWeights(config)
const weights = initialWeights(device, specs, config.initializerRange, seed)
const model = new FalconForCausalLM(config, weights).setRequiresGrad(true)
const parameters = countParameters(model).trainable
story.say('model', `${count(parameters)} parameters`)

await lockFolder(flags.out)
const interrupts = new Interrupts()
const runFolder = `${flags.out}/run`
const trainer = new Trainer(model, windows, {
  ...{ maxSteps: Math.ceil(tokens / (batchSize * length)), batchSize, learningRate: lr, schedule: 'cosine' },
  ...{ warmup: 0.02, betas: [0.9, 0.98], weightDecay: 0.1, maxGradNorm: 1, seed },
  ...{ outputDir: runFolder, saveSteps: 250, saveTotalLimit: 1, resumeFromCheckpoint: true, reportTo: 'none' },
  ...{ callbacks: [line.training, story.resumed], onWarning: story.warn, signal: interrupts.signal },
})
interrupts.putOff()
const { steps } = await trainer.train().catch((error: unknown) => {
  if (!interrupts.isReason(error)) throw error
  story.say('stopped', `at step ${trainer.run.step}; the same command goes on from ${flags.out}`)
  return interrupts.leave()
})
const seconds = trainer.state.training.reduce((sum, report) => sum + report.seconds, 0)
story.say('trained', `${count(steps)} steps in ${duration(seconds)}`)
interrupts.letThrough(`the trained weights are in ${runFolder}; the same command goes on from there`)

const heldOut = await evaluateLoss(model, answerWindows(tokenizer, data.validation, length), {
  onProgress: line.measuring,
})
story.measured('held-out', heldOut)
const batchTokens = batchSize * length
const made = {
  config,
  parameters,
  batchTokens,
  tokens: steps * batchTokens,
  corpus: windows.length * length,
  heldOut,
}
const changed = Object.entries(flags).filter(([name, value]) => value !== table[name as keyof typeof table].otherwise)
const told = changed.filter(([name]) => !['data', 'out', 'threads', 'device'].includes(name))
const command = ['npm run medquad:pretrain', ...(told.length > 0 ? ['--', ...told.map(([k, v]) => `--${k} ${v}`)] : [])]
const making = { seed, seconds, learningRate: lr, engine: device.description }
const card = baseCard({ ...made, ...making, command: command.join(' ') })
await saveModel(model, flags.out, { dtype: 'f16' })
await writeFolder(
  flags.out,
  new Map([
    ['tokenizer.json', JSON.stringify(tokenizerJson)],
    ['tokenizer_config.json', `${JSON.stringify(tokenizerConfig(), null, 2)}\n`],
    ['README.md', card],
  ]),
)
await rm(runFolder, { recursive: true })
story.say('saved', flags.out)
device.dispose()
