import { platformName } from '#platform'
import { check } from '../core/errors.ts'
import { readArgument, readOptions, type OptionRules, whole } from '../core/options.ts'
import type { CardContent, CardResult } from '../peft/card/card-content.ts'
import { runFigures } from '../train/run-figures.ts'
import { describeFormats } from '../train/run-identity.ts'
import { runRule, type TrainingRun } from '../train/training-run.ts'
import { metricWords } from './progress/training-line.ts'
import type { LogHistory } from './trainer-callback.ts'

/** Of which weights a card is. */
export interface TrainingCardOptions {
  /** The step whose weights the adapter has. Default: that of the newest evaluation. */
  readonly step?: number
}

const rules: OptionRules<TrainingCardOptions> = { step: whole({ from: 0 }) }
/** What an evaluation tells beside its figures. */
const asides: readonly string[] = ['evalTokens', 'evalSeconds']

/**
 * What a run says of itself in its adapter's card: settings, device, seconds, losses, how the base is stored, how many
 * examples, and the newest evaluation beside that before the first step, where there was one. `Trainer` writes it:
 * `saveAdapter(adapter, folder, { ...trainingCard(run, history), license: 'cc-by-4.0' })` does by hand.
 * @param history Of the run, such as `trainer.state`. Without a step of training there are no figures.
 * @throws MedAwareError `config` for no run, or a step that was not measured.
 */
export function trainingCard<B>(
  run: TrainingRun<B>,
  history: LogHistory,
  options: TrainingCardOptions = {},
): CardContent {
  const who = 'trainingCard'
  readArgument(who, 'run', run, runRule)
  const { step = history.evaluation.at(-1)?.step } = readOptions(who, options, rules)
  const { training, evaluation } = history
  const runtime = globalThis.navigator?.userAgent
  const figures = {
    ...(training.length > 0 && runFigures(run, training)),
    'Weights, by how they are stored': describeFormats(run.model),
    Runtime: runtime === undefined ? platformName : `${platformName}, ${runtime}`,
  }
  const measured = evaluation.find((entry) => entry.step === step)
  check(measured !== undefined || options.step === undefined, 'config', () => {
    return `${who}: nothing was measured after step ${step}; measured were ${evaluation.map((each) => each.step).join(', ')}`
  })
  if (measured === undefined) return { figures }
  const first = evaluation.find((entry) => entry.step === 0 && entry !== measured)
  const results = Object.entries(measured.metrics).flatMap(([name, value]): CardResult[] => {
    const was = first?.metrics[name]
    if (asides.includes(name) || !Number.isFinite(value)) return []
    return [
      {
        task: 'held-out examples',
        metric: metricWords(name),
        figure: { value },
        ...(was !== undefined && { baselines: { 'before the first step': { value: was } } }),
        note: `measured after step ${measured.step} of ${run.steps}`,
      },
    ]
  })
  return { figures, results }
}
