/**
 * The recipe of PEFT-MedAware (arXiv 2311.10697): a 4-bit Falcon learns to answer medical questions with QLoRA, on
 * MedQuAD. `npm run medquad -- --help` lists what can be changed.
 */
import { rm } from 'node:fs/promises'
import {
  adapterFiles,
  attachAdapter,
  countParameters,
  disableAdapter,
  loadModel,
  MedAwareError,
  openAdapter,
  openDevice,
  planMemory,
  Random,
  runFigures,
  writeFolder,
} from 'peft-medaware'
import { cacheDirectory } from './data/cache-directory.ts'
import { loadMedquad } from './data/load-medquad.ts'
import type { MedquadPair } from './data/medquad-pair.ts'
import { fineTune } from './fine-tune.ts'
import { historyOf } from './history.ts'
import { answer, examplesOf, measure, pickQuestions } from './held-out.ts'
import { Interrupts } from './interrupts.ts'
import { checkFolder, parseOptions, perEpochOf, stepsFor } from './options.ts'
import { describeProgress } from './progress.ts'
import { htmlReport } from './report.ts'
import { lockFolder } from './run-lock.ts'
import { reportErrorsPlainly, Story } from './story.ts'
import { summarize } from './summary.ts'

reportErrorsPlainly()
const options = parseOptions(process.argv.slice(2))
const { seed, out, batch: batchSize, 'max-length': maxLength } = options
const gradientCheckpointing = options['gradient-checkpointing']
const [checkpoint, folder] = [`${out}/checkpoint`, `${out}/adapter`]
const story = new Story()
const { line } = story
const interrupts = new Interrupts()
await lockFolder(out)
checkFolder(checkpoint, options.resume)

// 1. Device
const { device, reason } = await openDevice({ device: options.device, cpu: options.cpu, webgpu: options.webgpu })
story.say('device', `${device.description}: ${reason}`)

// 2. Data
const reading = Date.now()
const data = await loadMedquad({
  ...(options.data !== undefined && { data: options.data }),
  paper: options.paper,
  cacheDir: cacheDirectory(),
  onProgress: ({ stage, done, total }) => line.show(describeProgress(stage, done, total, reading)),
  warn: (text) => story.say('WARNING', text),
})
story.data(data)

// 3. The base model, quantised as it loads
const loading = Date.now()
const quantize = { type: 'nf4', doubleQuant: true } as const
const { model, tokenizer, storage } = await loadModel(options.model, {
  device,
  quantize,
  measureError: true,
  onProgress: ({ phase, done, total }) => line.show(describeProgress(phase, done, total, loading)),
  onWarning: (text) => story.say('WARNING', text),
})
if (tokenizer === null) throw new MedAwareError('not-found', `${options.model}: no tokenizer.json`)
story.model(options.model, model, storage)

// 4. The adapter, which is LoRA where nothing else is asked for
const adapter = attachAdapter(model, { ...options.adapter, baseModelNameOrPath: options.model }, { device, seed })
const parameters = countParameters(model)
story.adapter(`${adapter.method.name} ${adapter.method.describe(adapter.config)}`, parameters)
const shape = { batchSize, length: maxLength, gradientCheckpointing }
story.memory(planMemory(model.config, { quantize, adapter: options.adapter, ...shape }))

// 5. Before: as the base does
const some = (from: MedquadPair[], number: number) =>
  examplesOf(tokenizer, new Random(seed).shuffle([...from]), maxLength).slice(0, number)
const heldOut = some(data.test, options.eval)
const pairs = pickQuestions(data.test)
const questions = pairs.map(({ question }) => question)
const before = await disableAdapter(model, () => measure(model, heldOut, line))
const answersBefore = await disableAdapter(model, () => answer(model, tokenizer, questions, line))
story.measured('before', before)

// 6. Training, which keeps the adapter of the lowest validation loss and stops when it falls no more
const examples = examplesOf(tokenizer, data.train, maxLength)
const steps = stepsFor(examples.length, options)
story.training(steps, perEpochOf(examples.length, options), options.patience)
device.profile?.reset()
const training = performance.now()
const { trainer, result } = await fineTune({
  ...{ model, examples, validation: some(data.validation, Math.ceil(options.eval / 2)), steps },
  options: {
    batchSize,
    gradientAccumulationSteps: options.accumulate,
    ...{ learningRate: options.lr, schedule: 'cosine', warmup: 0.05, maxGradNorm: 1, seed },
    groupByLength: true,
    gradientCheckpointing,
    outputDir: checkpoint,
    saveSteps: options['save-steps'],
    resumeFromCheckpoint: options.resume,
  },
  ...{ patience: options.patience, story, interrupts },
})
if (options.profile) story.profile(device, performance.now() - training)
const history = historyOf(trainer.state)
const best = { step: result.best?.step ?? result.step, loss: result.best?.value ?? NaN }
story.best(best, steps)
await writeFolder(folder, await adapterFiles(adapter, { figures: runFigures(trainer.run, history.training) }))
interrupts.letThrough(`the adapter is saved in ${folder}; --resume goes on to the measurements`)

// 7. After, on the adapter that was saved
adapter.detach()
await openAdapter(model, folder, { device })
const after = await measure(model, heldOut, line)
const answersAfter = await answer(model, tokenizer, questions, line)
const summary = summarize({
  device,
  data,
  parameters,
  storage,
  trainer,
  best,
  history,
  before,
  after,
  seed,
})
const answered = pairs.map(({ question, answer: reference }, i) => {
  return { question, reference, before: answersBefore[i] ?? '', after: answersAfter[i] ?? '' }
})
story.answers(answered)
await writeFolder(
  out,
  new Map([
    ['summary.json', `${JSON.stringify(summary, null, 2)}\n`],
    ['report.html', htmlReport(summary, history, answered)],
  ]),
)
await rm(checkpoint, { recursive: true, force: true })
story.measured('after', after, before)
story.end(out, summary)
device.dispose()
