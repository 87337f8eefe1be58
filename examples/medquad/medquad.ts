/**
 * The recipe of PEFT-MedAware (arXiv 2311.10697): a 4-bit Falcon learns to answer medical questions with QLoRA, on
 * MedQuAD. `npm run medquad -- --help` lists what can be changed.
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
  Trainer,
  writeFolder,
} from 'peft-medaware'
import { cacheDirectory } from './data/cache-directory.ts'
import { loadMedquad } from './data/load-medquad.ts'
import type { MedquadPair } from './data/medquad-pair.ts'
import { Interrupts } from './interrupts.ts'
import { checkFolder, checkpointsIn, parseOptions, perEpochOf, stepsFor } from './options.ts'
import { examplesOf, pickQuestions, promptOf } from './questions.ts'
import { lockFolder } from './run-lock.ts'
import { reportErrorsPlainly, Story } from './story.ts'
import { summarize } from './summary.ts'

/** Validations of a whole run, about: often enough to stop early, and cheap beside the steps between them. */
const validations = 15

reportErrorsPlainly()
const options = parseOptions(process.argv.slice(2))
const { seed, out, resume, batch: batchSize, 'max-length': maxLength } = options
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
const { model, tokenizer, storage } = await loadModel(options.model, {
  ...{ device, quantize, measureError: true, onProgress: line.load, onWarning },
})
if (tokenizer === null) throw new MedAwareError('not-found', `${options.model}: no tokenizer.json`)
story.model(options.model, model, storage)

// 4. Before: as the base does, on diseases that nothing is learned of
const some = (from: readonly MedquadPair[], number: number) => {
  return examplesOf(tokenizer, new Random(seed).shuffle([...from]), maxLength).slice(0, number)
}
const heldOut = some(data.test, options.eval)
const measure = (): Promise<LossReport> => evaluateLoss(model, heldOut, { onProgress: line.measuring })
const before = await measure()
story.measured('before', before)

// 5. The adapter, which is LoRA where nothing else is asked for
const adapter = attachAdapter(model, { ...options.adapter, baseModelNameOrPath: options.model }, { device, seed })
const parameters = countParameters(model)
story.adapter(`${adapter.method.name} ${adapter.method.describe(adapter.config)}`, parameters)
const shape = { batchSize, length: maxLength, gradientCheckpointing }
story.memory(planMemory(model.config, { quantize, adapter: options.adapter, ...shape }))

// 6. Training, which keeps the adapter of the lowest validation loss and stops when it falls no more
const examples = examplesOf(tokenizer, data.train, maxLength)
const steps = stepsFor(examples.length, options)
story.training(steps, perEpochOf(examples.length, options), options.patience)
const asked = pickQuestions(data.test)
const trainer = new Trainer(model, examples, {
  ...{ maxSteps: steps, batchSize, gradientAccumulationSteps: options.accumulate, groupByLength: true, seed },
  ...{ learningRate: options.lr, schedule: 'cosine', warmup: 0.05, maxGradNorm: 1, gradientCheckpointing },
  evalDataset: some(data.validation, Math.ceil(options.eval / 2)),
  ...{ evalSteps: Math.max(1, Math.round(steps / validations)), evalOnStart: true, loadBestModelAtEnd: true },
  ...(options.patience > 0 && { earlyStoppingPatience: options.patience }),
  ...{ outputDir: out, saveSteps: options['save-steps'], saveTotalLimit: 2, resumeFromCheckpoint: resume },
  reportTo: ['jsonl', 'html'],
  samples: {
    ...{ prompts: asked.map(({ question }) => promptOf(question)), references: asked.map(({ answer }) => answer) },
    ...{ tokenizer, generation: { maxNewTokens: 96, repetitionPenalty: 1.15 } },
    note: 'A demonstration of QLoRA fine-tuning. What the model writes is no medical advice.',
  },
  ...{ callbacks: [line.training, story.resumed], onWarning, signal: interrupts.signal },
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
trainer.dispose()
adapter.detach()
await openAdapter(model, out, { device })
const after = await measure()
story.answers(result.samples)
const summary = summarize({ device, data, parameters, storage, result, history: trainer.state, before, after, seed })
await writeFolder(out, new Map([['summary.json', `${JSON.stringify(summary, null, 2)}\n`]]))
for (const checkpoint of checkpointsIn(out)) await rm(checkpoint, { recursive: true })
story.measured('after', after, before)
story.end(out, summary)
device.dispose()
