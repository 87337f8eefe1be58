import { check } from '../core/errors.ts'
import { listOf, readArgument, withMethods } from '../core/options.ts'
import type { ResolvedSchedule } from '../optim/schedules/schedules.ts'
import { countParameters } from '../peft/parameter-counts.ts'
import type { StepReport } from './step-report.ts'
import { runRule, type TrainingRun } from './training-run.ts'

const reportRule = withMethods<StepReport>('a report, as a run gives for each step', [])

/**
 * The figures of a run for its adapter's model card, by name:
 * `adapterFiles(adapter, { figures: runFigures(run, reports) })`.
 * @param reports Those of the run, in order; tokens, time and losses are theirs.
 * @throws MedAwareError `config` for no run, or no reports.
 */
export function runFigures<B>(run: TrainingRun<B>, reports: readonly StepReport[]): Record<string, string | number> {
  readArgument('runFigures', 'run', run, runRule)
  const [first] = readArgument('runFigures', 'reports', reports, listOf(reportRule, 1))
  const last = reports.at(-1)
  check(first !== undefined && last !== undefined, 'config', () => 'runFigures: reports must hold one at least')
  const { model, options, optimizer } = run
  const { batchSize, gradientAccumulationSteps, learningRate, schedule, warmup, maxGradNorm, seed } = options
  const sum = (key: 'tokens' | 'labelTokens' | 'seconds') => reports.reduce((total, report) => total + report[key], 0)
  const { trainable, all, share } = countParameters(model)
  const settings = Object.entries(optimizer.hyperparameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return {
    Steps: `${count(last.step)} of ${count(last.steps)}`,
    ...(run.examples.length > 0 && {
      Epochs: rounded(last.step / run.stepsPerEpoch),
      Examples: count(run.examples.length),
    }),
    'Training loss': `${first.loss.toFixed(4)} at step ${first.step}, ${last.loss.toFixed(4)} at step ${last.step}`,
    Tokens: `${count(sum('tokens'))}, ${count(sum('labelTokens'))} of them labels`,
    'Batch size': run.examples.length > 0 ? `${batchSize} x ${gradientAccumulationSteps}` : 'as the batches came',
    'Learning rate': `${learningRate}, ${nameOf(schedule)}, warm-up ${warmup}`,
    Optimizer: [optimizer.name, ...settings].join(', '),
    'Gradient norm': maxGradNorm === 0 ? 'not clipped' : `clipped to ${maxGradNorm}`,
    'Trained parameters': `${count(trainable)} of ${count(all)}, ${(100 * share).toFixed(4)} %`,
    Seed: seed,
    Device: model.device.description,
    Time: `${sum('seconds').toFixed(1)} s, ${count(Math.round(sum('tokens') / sum('seconds')))} tokens a second`,
  }
}

/** To hundredths, or to two digits of a small share. */
function rounded(epochs: number): number {
  return Number(epochs < 0.1 ? epochs.toPrecision(2) : epochs.toFixed(2))
}

function nameOf(schedule: ResolvedSchedule): string {
  if (typeof schedule === 'function') return 'a schedule of its own'
  if (typeof schedule === 'string') return schedule
  const { type, ...settings } = schedule
  return [type, ...Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)}`)].join(' ')
}

/** 1,234,567. */
function count(value: number): string {
  return value.toLocaleString('en-US')
}
