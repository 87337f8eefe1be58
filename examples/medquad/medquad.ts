/**
 * The recipe of PEFT-MedAware (arXiv 2311.10697): a 4-bit Falcon learns to answer medical questions with QLoRA, on MedQuAD.
 * `npm run medquad -- --help` lists what can be changed.
 */
import {
  attachLora,
  countParameters,
  loadModel,
  MedAwareError,
  openDevice,
  planMemory,
  Random,
  saveAdapter,
  TrainingRun,
  writeFolder,
} from 'peft-medaware'
import { cacheDirectory } from './data/cache-directory.ts'
import { loadMedquad } from './data/load-medquad.ts'
import type { MedquadPair } from './data/medquad-pair.ts'
import { afterLoss, emptyHistory, forgetProgress, restoreProgress, saveProgress } from './history.ts'
import { answer, examplesOf, measure, pickQuestions } from './held-out.ts'
import { parseOptions } from './options.ts'
import { describeProgress, describeStep } from './progress.ts'
import { htmlReport } from './report.ts'
import { reportErrorsPlainly, Story } from './story.ts'
import { summarize } from './summary.ts'

reportErrorsPlainly()
const options = parseOptions(process.argv.slice(2))
const { seed, maxLength, out } = options
const story = new Story()
const { line } = story

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

// 4. LoRA
const lora = { r: 16, loraAlpha: 32, loraDropout: 0.05 }
const adapter = attachLora(model, { ...lora, baseModelNameOrPath: options.model }, { device, seed })
const parameters = countParameters(model)
story.adapter(adapter.config.targetModules, parameters)
const { batch: batchSize, 'gradient-checkpointing': gradientCheckpointing } = options
const shape = { batchSize, length: maxLength, gradientCheckpointing }
story.memory(planMemory(model.config, { quantize, lora, ...shape }))

// 5. Before: B is zero, so the model answers as its base does
const some = (from: MedquadPair[], number: number) =>
  examplesOf(tokenizer, new Random(seed).shuffle([...from]), maxLength).slice(0, number)
const heldOut = some(data.test, options.eval)
const pairs = pickQuestions(data.test)
const questions = pairs.map(({ question }) => question)
const before = await measure(model, heldOut, line)
const answersBefore = await answer(model, tokenizer, questions, line)
story.measured('before', before)

// 6. Training
const run = new TrainingRun(model, examplesOf(tokenizer, data.train, maxLength), {
  maxSteps: options.steps,
  batchSize: options.batch,
  gradientAccumulationSteps: options.accumulate,
  learningRate: options.lr,
  schedule: 'cosine',
  warmup: 0.05,
  maxGradNorm: 1,
  seed,
  groupByLength: true,
  gradientCheckpointing: options['gradient-checkpointing'],
})
const checkpoint = `${out}/checkpoint`
const history = options.resume ? await restoreProgress(run, checkpoint) : emptyHistory()
if (options.resume) story.say('resumed', `at step ${run.step} of ${run.steps}`)
const watched = some(data.validation, Math.ceil(options.eval / 2))
const mark = async (step: number) => {
  history.validation.push({ step, loss: (await measure(model, watched, line)).loss })
  line.done()
}
if (run.step === 0) await mark(0)
device.profile?.reset()
const training = performance.now()
let interrupted = false
const onInterrupt = () => (interrupted = true)
process.once('SIGINT', onInterrupt)
let saved = run.step
const train = async () => {
  for await (const report of run) {
    line.show(describeStep(report))
    history.training.push(report)
    if (report.step % Math.ceil(run.steps / 10) === 0 || report.step === run.steps) await mark(report.step)
    if (!interrupted && report.step % options.saveSteps !== 0) continue
    await saveProgress(run, history, checkpoint)
    saved = report.step
    if (!interrupted) continue
    story.say('stopped', `at step ${report.step} of ${report.steps}, saved; go on with the same options and --resume`)
    process.exit(130)
  }
}
await train().catch((error: unknown) => {
  throw afterLoss(error, saved, checkpoint)
})
process.off('SIGINT', onInterrupt)
if (options.profile) story.profile(device, performance.now() - training)

// 7. After
const after = await measure(model, heldOut, line)
const answersAfter = await answer(model, tokenizer, questions, line)
const summary = summarize({ device, data, parameters, storage, run, history, before, after, seed })
const answered = pairs.map(({ question, answer: reference }, i) => ({
  question,
  reference,
  before: answersBefore[i] ?? '',
  after: answersAfter[i] ?? '',
}))
story.answers(answered)
await saveAdapter(adapter, `${out}/adapter`)
await writeFolder(
  out,
  new Map([
    ['summary.json', `${JSON.stringify(summary, null, 2)}\n`],
    ['report.html', htmlReport(summary, history, answered)],
  ]),
)
await forgetProgress(checkpoint)
story.measured('after', after, before)
story.end(out, summary)
run.dispose()
device.dispose()
