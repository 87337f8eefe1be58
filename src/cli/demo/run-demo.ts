import { check } from '../../core/errors.ts'
import type { Device } from '../../device/device.ts'
import { generateText } from '../../generate/generate-text.ts'
import { saveAdapter } from '../../io/adapter-folder.ts'
import { type LoadedModel, loadModel } from '../../io/load/load-model.ts'
import { showBytes } from '../../io/plan/memory-advice.ts'
import { attachLora } from '../../peft/attach.ts'
import { countParameters } from '../../peft/parameter-counts.ts'
import { duration } from '../../trainer/progress/duration.ts'
import { train } from '../../trainer/train.ts'
import type { TrainerCallback } from '../../trainer/trainer-callback.ts'
import type { CommandContext } from '../command.ts'
import { promptOf } from '../question-prompt.ts'
import { exam, lessons } from './lessons.ts'

/** What is shown. */
interface DemoPlan {
  readonly base: string
  readonly device: Device
  /** Why this device. */
  readonly reason: string
  /** A folder for the adapter, or null. */
  readonly keep: string | null
  readonly steps: number
  readonly seed: number
}

interface Asked {
  readonly model: LoadedModel['model']
  readonly tokenizer: NonNullable<LoadedModel['tokenizer']>
}

const batchSize = 8
/** Lines that say how the training goes. */
const lines = 8
/** Tokens of an answer; no sentence of the lessons has as many. */
const maxNewTokens = 32

/**
 * Loads the model in 4 bits, asks it, trains an adapter over it, and asks it again, all of it before the eyes.
 * @throws MedAwareError as `loadModel`, `attachLora`, `train` and `saveAdapter`; the signal's reason.
 */
export async function runDemo({ base, device, reason, keep, steps, seed }: DemoPlan, context: CommandContext) {
  const { signal, progress, print } = context
  const began = performance.now()
  const told = { signal, onProgress: progress.load, onWarning: progress.warn }
  const { model, tokenizer, storage, name } = await loadModel(base, { ...told, device, quantize: { type: 'nf4' } })
  progress.clear()
  check(tokenizer !== null, 'not-found', () => `demo: ${name} has no tokenizer.json`)
  const asked: Asked = { model, tokenizer }
  // Behind the first part are threads and flags.
  const [why = ''] = reason.split('; ')
  print(`engine   ${device.description}\n         ${why}\n`)
  print(
    `model    ${count(storage.parameters)} parameters in NF4, ${showBytes(storage.bytes)}, which stay as they are\n`,
  )
  const [, first] = exam
  const question = first?.question ?? ''
  print(`\nQ        ${question}\nbefore  `)
  for await (const piece of answerTo(question, asked, signal)) print(piece)

  const adapter = attachLora(model, { r: 16, loraAlpha: 32, targetModules: 'all-linear' }, { device, seed })
  const { trainable, share } = countParameters(model)
  const percent = `${(100 * share).toFixed(1)} % of all`
  print(
    `\n\nadapter  LoRA of rank 16: ${count(trainable)} parameters to train, ${percent}, ${showBytes(4 * trainable)}\n`,
  )
  print(`data     ${lessons.length} questions on ${exam.length} diseases, written for this\n`)
  const options = { maxSteps: steps, batchSize, learningRate: 3e-3, warmup: 0.05, schedule: 'cosine', seed } as const
  // Between these lines a terminal has one that rewrites itself.
  const callbacks = [...(process.stderr.isTTY ? [progress.training] : []), lossLines(context)]
  await train(model, lessons, { ...options, tokenizer, callbacks, signal, onWarning: progress.warn })

  print('\nafter   ')
  for await (const piece of answerTo(question, asked, signal)) print(piece)
  print('\n')
  const right = await rightAnswers(asked, context)
  if (keep !== null) await saveAdapter(adapter, keep, { onWarning: progress.warn })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  print(`\nAsked in words that it was not taught, it gives ${right} of ${exam.length} answers as it learned them.\n`)
  print(`${seconds} s in all.${keep === null ? ' --keep DIR saves the adapter.' : ` ${keep} has the adapter.`}\n`)
  print('This is a demonstration, and no medical advice: it has learned sentences by heart.\n')
}

/** Says a few times how far the training is. */
function lossLines({ progress, print }: CommandContext): TrainerCallback {
  return {
    name: 'demo',
    onStepEnd: ({ step, steps, loss, tokensPerSecond, secondsLeft }) => {
      const isShown = step === 1 || step === steps || step % Math.ceil(steps / lines) === 0
      if (!isShown) return
      progress.clear()
      const rate = `${count(Math.round(tokensPerSecond))} tokens/s`
      print(
        `${`step ${step}/${steps}`.padStart(16)}  loss ${loss.toFixed(3)}  ${rate}  ${duration(secondsLeft)} left\n`,
      )
    },
  }
}

/** An answer in pieces, all in one line. */
async function* answerTo(question: string, { model, tokenizer }: Asked, signal: AbortSignal): AsyncGenerator<string> {
  const prompt = await promptOf(tokenizer, [{ role: 'user', content: question }])
  const options = { maxNewTokens, doSample: false, signal }
  for await (const piece of generateText(model, tokenizer, prompt, options)) yield piece.replace(/\s+/g, ' ')
}

/** How many questions of the exam are answered word for word. */
async function rightAnswers(asked: Asked, { signal, progress }: CommandContext): Promise<number> {
  let right = 0
  for (const [done, { question, answer }] of exam.entries()) {
    let text = ''
    for await (const piece of answerTo(question, asked, signal)) text += piece
    if (text.trim() === answer) right++
    progress.measuring(done + 1, exam.length)
  }
  progress.clear()
  return right
}

/** 1,234,567. */
function count(value: number): string {
  return value.toLocaleString('en-US')
}
