import {
  attachAdapter,
  evaluateLoss,
  type Example,
  type PretrainedLm,
  type ProgressLine,
  Trainer,
  type TrainerCallback,
} from 'peft-medaware'
import type { AdapterChoice } from '../../adapter-choice.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import type { Dialogue } from '../../dialogue.ts'
import { checkpointsIn } from '../../options.ts'
import { type CurvePoint, type CurveSettings, digestOfPairs, type WrittenAnswer } from './records.ts'

/** What every training of a curve uses. */
export interface CurveBench {
  readonly model: PretrainedLm
  readonly dialogue: Dialogue
  readonly adapter: AdapterChoice
  readonly settings: CurveSettings
  readonly validation: readonly Example[]
  readonly measured: readonly Example[]
  readonly line: ProgressLine
  readonly signal: AbortSignal
  readonly onWarning: (text: string) => void
  /** Greedy answers of the model as it is. */
  readonly answer: () => Promise<WrittenAnswer[]>
}

/** Which training, and where its checkpoints go. */
export interface PointPlan {
  readonly size: number
  readonly seed: number
  readonly pairs: readonly MedquadPair[]
  readonly folder: string
  /** Whether answers are written. */
  readonly writes: boolean
}

/**
 * Trains an adapter on some pairs, from its last checkpoint where there is one. It is measured twice: after the fixed
 * steps, and as it was at its lowest validation loss. The rate falls with the root of the step, and so knows no end
 * that would tell a run of few steps from one of many.
 */
export async function trainPoint(bench: CurveBench, plan: PointPlan): Promise<CurvePoint> {
  const { model, settings, validation, measured, line } = bench
  const { size, seed, pairs, folder } = plan
  const { batch, fixedSteps, validateEvery } = settings
  const examples = await bench.dialogue.examplesOf(pairs, settings.maxLength)
  const stepsAllowed = Math.max(fixedSteps, Math.ceil((examples.length / batch) * settings.passes))
  const measure = async () => natsOf(await evaluateLoss(model, measured))
  const gate = new FixedSteps(settings, measure)
  const adapter = attachAdapter(model, bench.adapter, { seed })
  try {
    const trainer = new Trainer(model, examples, {
      ...{ maxSteps: stepsAllowed, batchSize: batch, groupByLength: true, seed },
      ...{ learningRate: settings.learningRate, schedule: 'inverse_sqrt', warmup: warmUpOf(settings), maxGradNorm: 1 },
      ...{ evalDataset: validation, evalSteps: validateEvery, evalOnStart: true, loadBestModelAtEnd: true },
      ...{ outputDir: folder, saveSteps: 2 * validateEvery, saveTotalLimit: 1, reportTo: 'none' },
      resumeFromCheckpoint: checkpointsIn(folder).length > 0,
      ...{ callbacks: [line.training, gate], onWarning: bench.onWarning, signal: bench.signal },
    })
    const result = await trainer.train()
    const { training, evaluation } = trainer.state
    trainer.dispose()
    const best = { step: result.best?.step ?? result.step, loss: rounded(result.best?.value ?? NaN) }
    return {
      ...{ size, seed, pairs: pairs.length, examples: examples.length, drawn: digestOfPairs(pairs) },
      ...{ steps: result.step, stepsAllowed, best },
      validation: evaluation.map(({ step, metrics }) => [step, rounded(metrics['evalLoss'] ?? NaN)]),
      nats: { best: await measure(), fixed: gate.nats },
      answers: plan.writes ? await bench.answer() : [],
      seconds: Math.round(training.reduce((sum, { seconds }) => sum + seconds, 0)),
    }
  } finally {
    adapter.detach()
  }
}

/** Nats of each example, to a tenth of a thousandth. */
export function natsOf({ examples }: Awaited<ReturnType<typeof evaluateLoss>>): number[] {
  return (examples ?? []).map(({ nats }) => rounded(nats))
}

/** A tenth of the fixed steps. */
const warmUpOf = ({ fixedSteps }: CurveSettings): number => Math.ceil(fixedSteps / 10)

const rounded = (value: number): number => Number(value.toFixed(4))

/** Measures after the fixed steps, and ends a run whose validation loss falls no more once these are past. */
class FixedSteps implements TrainerCallback {
  readonly name = 'fixed-steps'
  nats: readonly number[] = []

  constructor(
    private readonly settings: CurveSettings,
    private readonly measure: () => Promise<number[]>,
  ) {}

  onStepEnd: NonNullable<TrainerCallback['onStepEnd']> = async ({ step }) => {
    if (step === this.settings.fixedSteps) this.nats = await this.measure()
  }

  onEvaluate: NonNullable<TrainerCallback['onEvaluate']> = ({ step }, { best }, control) => {
    const { fixedSteps, patience, validateEvery } = this.settings
    const waited = (step - (best?.step ?? 0)) / validateEvery
    if (step >= fixedSteps && waited >= patience) control.shouldTrainingStop = true
  }

  state = () => ({ nats: [...this.nats] })

  restore = ({ nats }: { readonly nats?: unknown }): void => {
    if (Array.isArray(nats)) this.nats = nats.filter((value) => typeof value === 'number')
  }
}
