import {
  attachAdapter,
  completeText,
  countParameters,
  type Device,
  evaluateLoss,
  type Example,
  loadModel,
  type PretrainedLm,
  type ProgressLine,
  rouge,
  type TextTokenizer,
  Trainer,
  type TrainerCallback,
} from 'peft-medaware'
import { DataError } from '../data/data-error.ts'
import type { MedquadPair } from '../data/medquad-pair.ts'
import type { Dialogue } from '../dialogue.ts'
import type { HeldOut } from '../held-out.ts'
import { checkpointsIn } from '../options.ts'
import { type Arm, keyOf, type Protocol, storageOf } from './arm.ts'

/** What the arms of an experiment are run with. */
export interface Bench {
  readonly protocol: Protocol
  readonly device: Device
  /** As `loadModel` takes it. */
  readonly source: string
  readonly tokenizer: TextTokenizer
  readonly dialogue: Dialogue
  readonly examples: readonly Example[]
  readonly heldOut: readonly HeldOut[]
  /** Questions that are answered, of those held out or others. */
  readonly asked: readonly MedquadPair[]
  /** Solved examples that an arm may show, the first ones of which it takes. */
  readonly solved: readonly Example[]
  readonly line: ProgressLine
  readonly signal: AbortSignal
  readonly onWarning: (text: string) => void
}

/** Quality after so many steps: Σ nats of each held-out answer, in the questions' order. */
export interface Measured {
  readonly step: number
  readonly nats: readonly number[]
}

/** What an arm came to with a seed. */
export interface ArmRecord {
  readonly key: string
  readonly arm: Arm
  readonly seed: number
  readonly trainable: number
  readonly measured: readonly Measured[]
  /** ROUGE-L of each greedy answer after the last step. */
  readonly rougeL: readonly number[]
  /** Wall seconds of a step, the median, whatever else the machine did; null where nothing was trained. */
  readonly secondsPerStep: number | null
  /** The most that was on the device at a time while training, or measuring where nothing was trained. */
  readonly deviceBytes: number
}

/**
 * Loads the base anew, trains what the arm says, from a checkpoint in `folder` where there is one, and measures after
 * each of its marks. The rate is constant after its warm-up and the order follows from the seed, so that a run of n
 * steps is the beginning of a longer one, and one run can be measured at several lengths.
 * @throws DataError `config` where there are too few examples to show, what training throws, and the reason of `signal`.
 */
export async function runArm(bench: Bench, arm: Arm, seed: number, folder: string): Promise<ArmRecord> {
  const { device, line, protocol } = bench
  const shots = bench.solved.slice(0, arm.shots)
  if (shots.length < arm.shots) {
    const rule = `wants ${arm.shots} solved examples, and ${shots.length} are within ${protocol.maxLength} tokens`
    throw new DataError('config', `${arm.name}: ${rule}; give more pairs or a greater length`)
  }
  const { model } = await loadModel(bench.source, {
    ...{ device, ...storageOf(arm.bits), onProgress: line.load, onWarning: bench.onWarning },
  })
  try {
    if (arm.trained === 'all weights') model.setRequiresGrad(true)
    else if (arm.trained !== null) attachAdapter(model, arm.trained, { seed })
    const { trainable } = countParameters(model)
    const questions = bench.heldOut.map(({ example }) => behind(shots, example))
    const measure = async () => natsOf(await evaluateLoss(model, questions, { onProgress: line.measuring }))
    device.memory.resetPeak()
    const watch = new Marks(arm.marks, measure)
    const secondsPerStep = arm.steps === 0 ? null : await train(bench, model, arm, { seed, folder, watch })
    const deviceBytes = device.memory.peakBytes
    if (arm.steps === 0) watch.add(0, await measure())
    return {
      ...{ key: keyOf(protocol, arm, seed), arm, seed, trainable },
      ...{ measured: watch.measured, rougeL: await answer(bench, model, shots) },
      ...{ secondsPerStep, deviceBytes: arm.steps === 0 ? device.memory.peakBytes : deviceBytes },
    }
  } finally {
    model.dispose()
  }
}

interface Course {
  readonly seed: number
  readonly folder: string
  readonly watch: Marks
}

/** Trains an arm; gives the median of a step's seconds. */
async function train(
  { protocol, examples, line, signal, onWarning }: Bench,
  model: PretrainedLm,
  { steps, learningRate }: Arm,
  { seed, folder, watch }: Course,
): Promise<number> {
  const trainer = new Trainer(model, examples, {
    ...{ maxSteps: steps, batchSize: protocol.batch, groupByLength: true, seed, maxGradNorm: 1 },
    ...{ learningRate, schedule: 'constant', warmup: warmUp },
    ...{ outputDir: folder, saveSteps: 50, saveTotalLimit: 1, reportTo: 'none' },
    resumeFromCheckpoint: checkpointsIn(folder).length > 0,
    ...{ callbacks: [line.training, watch], onWarning, signal },
  })
  try {
    await trainer.train()
    const seconds = trainer.state.training.map((report) => report.seconds).sort((a, b) => a - b)
    return seconds[seconds.length >> 1] ?? NaN
  } finally {
    trainer.dispose()
  }
}

/** Steps of warm-up of every arm, whatever its length. */
const warmUp = 5

/** An example behind others that are solved, which nothing is asked of. */
export function behind(shots: readonly Example[], example: Example): Example {
  if (shots.length === 0) return example
  const before = shots.flatMap(({ inputIds }) => [...inputIds])
  return {
    ...example,
    inputIds: Int32Array.from([...before, ...example.inputIds]),
    labels: Int32Array.from([...before.map(() => -100), ...example.labels]),
  }
}

/** ROUGE-L of greedy answers. */
async function answer(
  { asked, dialogue, tokenizer, protocol, line }: Bench,
  model: PretrainedLm,
  shots: readonly Example[],
): Promise<number[]> {
  if (asked.length === 0) return []
  const greedy = { maxNewTokens: protocol.answerTokens, repetitionPenalty: 1.15, doSample: false }
  const before = shots.flatMap(({ inputIds }) => [...inputIds])
  const texts: string[] = []
  for (const { question } of asked) {
    line.status('answers', () => `answering ${texts.length} of ${asked.length}`)
    const prompt = [...before, ...tokenizer.encode(await dialogue.promptOf(question))]
    texts.push((await completeText(model, tokenizer, prompt, greedy)).trim())
  }
  const references = asked.map(({ answer: reference }) => reference)
  const { scores } = rouge(texts, references, { rougeTypes: ['rougeL'], resamples: 1 })
  return scores.map(({ rougeL }) => rounded(rougeL.fmeasure))
}

function natsOf({ examples }: Awaited<ReturnType<typeof evaluateLoss>>): number[] {
  return (examples ?? []).map(({ nats }) => rounded(nats))
}

/** To a tenth of a thousandth. */
const rounded = (value: number): number => Number(value.toFixed(4))

/** Measures after some steps; a checkpoint keeps what was measured. */
class Marks implements TrainerCallback {
  readonly name = 'marks'
  measured: Measured[] = []

  constructor(
    private readonly marks: readonly number[],
    private readonly measure: () => Promise<number[]>,
  ) {}

  add(step: number, nats: readonly number[]): void {
    this.measured = [...this.measured.filter((each) => each.step !== step), { step, nats }]
  }

  onStepEnd: NonNullable<TrainerCallback['onStepEnd']> = async ({ step }) => {
    if (this.marks.includes(step)) this.add(step, await this.measure())
  }

  state = () => ({ measured: this.measured.map(({ step, nats }) => ({ step, nats: [...nats] })) })

  restore = ({ measured }: { readonly measured?: unknown }): void => {
    if (Array.isArray(measured)) this.measured = measured as Measured[]
  }
}
