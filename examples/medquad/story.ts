import { describeMemoryPlan, type MemoryPlan } from 'peft-medaware'
import type {
  Device,
  LossReport,
  ParameterCounts,
  PretrainedLm,
  ProgressLine,
  Sample,
  StorageReport,
  TrainerCallback,
  TrainResult,
} from 'peft-medaware'
import { formatCounts } from './data/count-medquad.ts'
import type { LoadedMedquad, LoadProgress } from './data/load-medquad.ts'
import type { MedquadPair } from './data/medquad-pair.ts'
import type { Summary } from './summary.ts'
import { bytes, count } from './words.ts'

/** What the recipe says as it goes: a named line for each thing, and a live line for what takes time. */
export class Story {
  /** @param line Which is taken away before anything is said. */
  constructor(private readonly line: ProgressLine) {}

  say(name: string, ...texts: string[]): void {
    this.line.clear()
    texts.forEach((text, i) => console.log(`${(i === 0 ? name : '').padEnd(11)}${text}`))
  }

  readonly warn = (text: string): void => {
    this.say('WARNING', text)
  }

  readonly reading = ({ stage, done, total }: LoadProgress): void => {
    this.line.status(stage, () => `${stage} ${count(done)}${total === undefined ? '' : ` of ${count(total)}`}`)
  }

  /** Says from where a training goes on. */
  readonly resumed: TrainerCallback = {
    name: 'story',
    onTrainBegin: ({ step, steps }) => {
      if (step > 0) this.say('resumed', `at step ${step} of ${steps}`)
    },
  }

  data({ counts, origin, pairs, train, validation, test }: LoadedMedquad): void {
    const medquad = 'MedQuAD, CC BY 4.0, Ben Abacha & Demner-Fushman 2019'
    const names = {
      sample: "the recipe's own sample, written for it, CC0",
      mirror: `${medquad}, from its copy on the Hugging Face Hub`,
      download: medquad,
      given: 'as given',
    }
    this.say('data', names[origin])
    console.log(formatCounts(counts))
    const parts = `${count(train.length)} train, ${count(validation.length)} validation, ${count(test.length)} test`
    this.say('split', `${count(pairs.length)} answered pairs, cleaned, by disease: ${parts}`)
  }

  model(path: string, { config }: PretrainedLm, { parameters, ...storage }: StorageReport): void {
    const { projections, error } = storage
    this.say(
      'model',
      `${path}: ${count(parameters)} parameters, ${config.numHiddenLayers} layers of ${config.hiddenSize}`,
    )
    this.say(
      'quantised',
      `${bytes(storage.checkpointBytes)} to ${bytes(storage.bytes)}; projections in double-quantised NF4, ${projections.bitsPerWeight.toFixed(3)} bits a weight`,
      `mean error ${error?.meanAbsolute.toExponential(2) ?? '?'}, ${(100 * (error?.relative ?? NaN)).toFixed(1)}% of the mean weight`,
    )
  }

  adapter(words: string, { trainable, share, sharePacked }: ParameterCounts): void {
    const percent = (value: number) => `${(100 * value).toFixed(4)}%`
    this.say(
      'adapter',
      `${words}: ${count(trainable)} trainable parameters,`,
      `${percent(share)} of all weights; ${percent(sharePacked)} with two 4-bit weights counted as one, as the paper does`,
    )
  }

  training(steps: number, perEpoch: number, patience: number): void {
    const epochs = (steps / perEpoch).toFixed(steps < perEpoch ? 2 : 1)
    const early = patience === 0 ? '' : `; it stops early when ${patience} validations in a row bring no lower loss`
    this.say('training', `${count(steps)} steps, ${epochs} passes over the training pairs${early}`)
  }

  memory(plan: MemoryPlan): void {
    this.say('memory', describeMemoryPlan(plan))
  }

  measured(when: string, { loss, bitsPerByte }: LossReport, before?: LossReport): void {
    const change = before ? `, ${describeChange(before.loss, loss)}` : ''
    this.say(when, `held-out loss ${loss.toFixed(4)}${change}; ${bitsPerByte?.toFixed(4) ?? '?'} bits per byte`)
  }

  trained({ step, steps, best, isStopped }: TrainResult): void {
    if (isStopped) this.say('stopped', `at step ${step} of ${steps}: the validation loss falls no more`)
    if (best === null) return
    const found = best.step === 0 ? 'of the base itself: no step made it lower' : `after step ${best.step} of ${steps}`
    this.say('best', `validation loss ${best.value.toFixed(4)}, ${found}; that adapter is kept`)
  }

  profile({ profile }: Device, milliseconds: number): void {
    if (profile === null) return
    this.say('profile', 'kernels of the training, validation included')
    console.log(profile.table(milliseconds))
  }

  answers(samples: readonly Sample[], asked: readonly MedquadPair[]): void {
    this.line.clear()
    for (const [i, { before, after }] of samples.entries()) {
      const { question = '' } = asked[i] ?? {}
      console.log(`\nQ  ${question}\n   before: ${before?.trim()}\n   after:  ${after?.trim()}`)
    }
    console.log()
  }

  end(folder: string, summary: Summary): void {
    this.say(
      'speed',
      `${count(Math.round(summary.tokensPerSecond))} tokens/s, ${bytes(summary.peakMemoryBytes)} of memory at most`,
    )
    this.say(
      'saved',
      `${folder}: the adapter (PEFT's format), report.html, log.jsonl, run.json, summary.json, held-out.json`,
      'Ask it with: npm run medquad:chat. A demonstration, and no medical advice.',
    )
  }
}

/** What became of a loss, in words that are true whichever way it went: `0.1234 lower: better`. */
export function describeChange(before: number, after: number): string {
  const change = Math.abs(after - before).toFixed(4)
  if (Number(change) === 0) return 'as before'
  return after < before ? `${change} lower: better` : `${change} higher: worse than before`
}

/** Errors that say what is wrong end the program with that sentence; anything else with its stack. */
export function reportErrorsPlainly(): void {
  process.on('uncaughtException', (error: Error & { code?: unknown }) => {
    const isPlain = error.name === 'MedAwareError' || error.name === 'DataError'
    console.error(isPlain ? `\nerror: ${error.message}` : error)
    process.exit(1)
  })
}
