/**
 * The recipe of PEFT-MedAware (arXiv 2311.10697): a 4-bit model, its Falcon or another, learns to answer medical
 * questions with QLoRA, on MedQuAD. `npm run medquad -- --help` lists what can be changed.
 */
import { rm } from 'node:fs/promises'
import {
  attachAdapter,
  countParameters,
  evaluateLoss,
  type LossReport,
  loadModel,
  MedAwareError,
  openAdapter,
  openDevice,
  planMemory,
  ProgressLine,
  Random,
  saveModelCard,
  Trainer,
  writeFolder,
} from 'peft-medaware'
import { aboutAdapter, measuredCard } from './adapter-card.ts'
import { cacheDirectory } from './data/cache-directory.ts'
import { loadMedquad } from './data/load-medquad.ts'
import type { MedquadPair } from './data/medquad-pair.ts'
import { dialogueOf } from './dialogue.ts'
import { describeHeldOut, heldOutOf } from './held-out.ts'
import { Interrupts } from './interrupts.ts'
import { checkFolder, checkpointsIn, parseOptions, perEpochOf, stepsFor } from './options.ts'
import { PeakMemory } from './peak-memory.ts'
import { pickQuestions } from './questions.ts'
import { lockFolder } from './run-lock.ts'
import { reportErrorsPlainly, Story } from './story.ts'
import { summarize } from './summary.ts'

/** Validations of a whole run, about: often enough to stop early, and cheap beside the steps between them. */
const validations = 15

reportErrorsPlainly()
const options = parseOptions(process.argv.slice(2))
const { base, seed, out, resume, batch: batchSize, 'max-length': maxLength } = options
const gradientCheckpointing = options['gradient-checkpointing']
const line = new ProgressLine(process.stderr, { memoryBytes: () => process.memoryUsage.rss() })
const story = new Story(line)
const onWarning = story.warn
const interrupts = new Interrupts()
await lockFolder(out)
checkFolder(out, resume)

// 1. Device
const { device, reason } = await openDevice({ device: options.device, cpu: options.cpu, webgpu: options.webgpu })
story.say('device', `${device.description}: ${reason}`)

// 2. Data
const data = await loadMedquad({
  ...(options.data !== undefined && { data: options.data }),
  ...{ paper: options.paper, cacheDir: cacheDirectory(), onProgress: story.reading, warn: onWarning },
})
story.data(data)

// 3. The base model, quantised as it loads
const quantize = { type: 'nf4', doubleQuant: true } as const
const { model, tokenizer, storage } = await loadModel(base.source, {
  ...{ device, quantize, measureError: true, onProgress: line.load, onWarning },
})
if (tokenizer === null) throw new MedAwareError('not-found', `${base.source}: no tokenizer.json`)
const dialogue = dialogueOf(tokenizer)
story.model(base.source, model, storage)

// 4. Before: as the base does, on diseases that nothing is learned of
const some = (from: readonly MedquadPair[], number: number) => {
  return heldOutOf(dialogue, new Random(seed).shuffle([...from]), number, maxLength)
}
const heldOut = await some(data.test, options.eval)
const measure = async (): Promise<{ report: LossReport; seconds: number }> => {
  const began = performance.now()
  const examples = heldOut.map(({ example }) => example)
  const report = await evaluateLoss(model, examples, { onProgress: line.measuring })
  return { report, seconds: (performance.now() - began) / 1000 }
}
const { report: before, seconds: heldOutBefore } = await measure()
story.measured('before', before)

// 5. The adapter, which is LoRA where nothing else is asked for
const adapter = attachAdapter(model, { ...options.adapter, baseModelNameOrPath: base.source }, { device, seed })
const parameters = countParameters(model)
story.adapter(`${adapter.method.name} ${adapter.method.describe(adapter.config)}`, parameters)
const shape = { batchSize, length: maxLength, gradientAccumulationSteps: options.accumulate, gradientCheckpointing }
const plan = planMemory(model.config, { quantize, adapter: options.adapter, ...shape })
story.memory(plan)

// 6. Training, which keeps the adapter of the lowest validation loss and stops when it falls no more
const examples = await dialogue.examplesOf(data.train, maxLength)
const steps = stepsFor(examples.length, options)
story.training(steps, perEpochOf(examples.length, options), options.patience)
const asked = pickQuestions(data.test, base.samples)
const validated = await some(data.validation, Math.min(base.validated, Math.ceil(options.eval / 2)))
const memory = new PeakMemory()
const trainer = new Trainer(model, examples, {
  ...{ maxSteps: steps, batchSize, gradientAccumulationSteps: options.accumulate, groupByLength: true, seed },
  ...{ learningRate: options.lr, schedule: 'cosine', warmup: 0.05, maxGradNorm: 1, gradientCheckpointing },
  evalDataset: validated.map(({ example }) => example),
  ...{ evalSteps: Math.max(1, Math.round(steps / validations)), evalOnStart: true, loadBestModelAtEnd: true },
  ...(options.patience > 0 && { earlyStoppingPatience: options.patience }),
  ...{ outputDir: out, saveSteps: options['save-steps'], saveTotalLimit: 2, resumeFromCheckpoint: resume },
  reportTo: ['jsonl', 'html'],
  samples: {
    prompts: await Promise.all(asked.map(({ question }) => dialogue.promptOf(question))),
    references: asked.map(({ answer }) => answer),
    ...{ tokenizer, generation: { maxNewTokens: base.answerTokens, repetitionPenalty: 1.15, doSample: false } },
    note: 'A demonstration of QLoRA fine-tuning. What the model writes is no medical advice.',
  },
  card: aboutAdapter(data),
  ...{ callbacks: [line.training, story.resumed, memory], onWarning, signal: interrupts.signal },
})
device.profile?.reset()
const started = performance.now()
interrupts.putOff()
const result = await trainer.train().catch((error: unknown) => {
  if (!interrupts.isReason(error)) throw error
  story.say('stopped', `at step ${trainer.run.step} of ${steps}, saved; go on with the same options and --resume`)
  return interrupts.leave()
})
if (options.profile) story.profile(device, performance.now() - started)
story.trained(result)
interrupts.letThrough(`the adapter is saved in ${out}; --resume goes on to the measurements`)

// 7. After, on the adapter that was saved
const { card: trained } = trainer
trainer.dispose()
adapter.detach()
const saved = await openAdapter(model, out, { device })
const { report: after, seconds: heldOutAfter } = await measure()
story.answers(result.samples, asked)
const summary = summarize({
  ...{ device, data, parameters, storage, result, history: trainer.state, before, after, seed },
  ...{ plannedMemoryBytes: plan.total, peakMemoryBytes: memory.bytes, seconds: { heldOutBefore, heldOutAfter } },
})
const measured = describeHeldOut(heldOut, before, after, seed)
const card = measuredCard({ data, trained, heldOut: measured, samples: result.samples, asked, seed })
const files = {
  'summary.json': summary,
  'held-out.json': measured,
  'answers.json': result.samples.map((sample, i) => ({ id: asked[i]?.id, question: asked[i]?.question, ...sample })),
}
const texts = Object.entries(files).map(([name, value]) => [name, `${JSON.stringify(value, null, 2)}\n`] as const)
await writeFolder(out, new Map(texts))
await saveModelCard(saved, out, { ...card, onWarning })
for (const checkpoint of checkpointsIn(out)) await rm(checkpoint, { recursive: true })
story.measured('after', after, before)
story.end(out, summary)
device.dispose()
