import { callback, oneOf, type OptionRules, orNull, readArgument, readOptions, refused } from '../../core/options.ts'
import { check } from '../../core/errors.ts'
import type { Rows } from '../../data/dataset.ts'
import { isPair, type PreferenceExample } from '../../data/preference/preference-example.ts'
import { type PreferenceOptions, preferenceRules } from '../../data/preference/preference-options.ts'
import { preparePreferences } from '../../data/preference/prepare-preferences.ts'
import { prepareAliases } from '../../data/prepare-options.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import type { Example } from '../../models/example.ts'
import { adapterSetOf } from '../../peft/adapter.ts'
import { dpoLoss, type DpoOptions, dpoRules } from '../../train/preference/dpo-loss.ts'
import { type TrainingWarningCode, trainingRules } from '../../train/training-options.ts'
import { beginAdapter } from '../begin-adapter.ts'
import {
  dataRule,
  type DatasetOptions,
  datasetRules,
  haveAll,
  preparingOf,
  toEnd,
  tokenizerFor,
  trainerOptionsOf,
} from '../dataset-options.ts'
import type { TrainerCallback } from '../trainer-callback.ts'
import { ownRules, trainerAliases, type TrainerOptions } from '../trainer-options.ts'
import { Trainer, type TrainResult } from '../trainer.ts'
import { collatePairs, pairExample } from './pair-examples.ts'

/** What `trainDpo` takes to train or to measure on: rows, or pairs that were made of them. */
export type PreferenceDataset = Rows | readonly PreferenceExample[]

type PreparingOptions = Omit<PreferenceOptions, 'signal' | 'onWarning' | 'onProgress'>

/** Options of other trainings, and of TRL's DPOConfig, that are refused, and why. */
const refusals = {
  loss: 'it is that of DPO; give TrainingRun a loss of your own',
  dataCollator: 'pairs are put side by side as the loss takes them',
  packing: 'each completion of a pair is a row of its own',
  streaming: 'pairs are made before the training begins',
  completionOnlyLoss: 'completions alone are compared',
  assistantOnlyLoss: 'completions alone are compared',
  labelSmoothing: 'only other losses than sigmoid heed it, in TRL too',
  labelSmoothingFactor: 'it is of cross-entropy, and pairs are compared',
  refModel: 'the reference is the model with its adapter off',
  syncRefModel: 'the reference is the model with its adapter off',
  precomputeRefLogProbs: 'the reference has no copy of the weights, and is asked in each step',
} as const
type RefusedOptions = { readonly [name in keyof typeof refusals]?: never }

/** All that `trainDpo` is told: TRL's DPOConfig, and what DPOTrainer is given beside it. */
export type TrainDpoOptions = Omit<TrainerOptions, 'evalDataset' | 'onWarning' | keyof RefusedOptions> &
  PreparingOptions &
  DatasetOptions &
  DpoOptions &
  RefusedOptions & {
    /** What is made of the two rewards. Default, and only one: 'sigmoid'. */
    readonly lossType?: 'sigmoid'
    /** Held-out rows or pairs to measure on. Default null. */
    readonly evalDataset?: PreferenceDataset | null
    /**
     * Told of what is odd about the training, with the code 'data' about rows and with 'reference' about an adapter
     * that has been trained before. Default: nobody.
     */
    readonly onWarning?: (message: string, code: TrainingWarningCode | 'run-folder' | 'data' | 'reference') => void
  }

const dataset = dataRule<PreferenceDataset>('rows or pairs')
const { signal: _, onWarning: __, onProgress: ___, ...preparingRules } = preferenceRules
const refusing = Object.fromEntries(Object.entries(refusals).map(([name, why]) => [name, refused(why)]))
const rules: OptionRules<TrainDpoOptions> = {
  ...trainingRules,
  ...ownRules,
  ...preparingRules,
  ...datasetRules,
  ...dpoRules,
  ...(refusing as OptionRules<RefusedOptions>),
  lossType: oneOf(['sigmoid']),
  evalDataset: orNull(dataset),
  onWarning: callback(),
}

/**
 * Teaches a model to prefer one answer to another by Direct Preference Optimization, as TRL's DPOTrainer does: attaches
 * the adapter, makes pairs of the rows, trains by `dpoLoss`, measures, and saves what is asked for. The reference is
 * the model with its adapter off, so the adapter must be new, or what it has learned must be in the base
 * (`mergeAndUnload`), or in an adapter named `ref` that is opened beside it, which then is the reference, as in TRL. Defaults are TRL's where they differ from those of `train`: `learningRate` 1e-6, and no dropout
 * (`disableDropout`).
 * @param data Rows of `prompt`, `chosen` and `rejected`, as `preparePreferences` takes them, or pairs.
 * @throws MedAwareError as `attachAdapter`, `startLora`, `preparePreferences`, `Trainer` and `Trainer.train`; `config`
 * for a model without an adapter, and for options that mean nothing with pairs.
 */
export async function trainDpo(
  model: CausalLm,
  data: PreferenceDataset,
  options: TrainDpoOptions = {},
): Promise<TrainResult> {
  const who = 'trainDpo'
  const read = readOptions(who, options, rules, { ...trainerAliases, ...prepareAliases })
  const { tokenizer = null, peftConfig = null, initSeed = null, onPrepare, evalDataset = null, beta, ...rest } = read
  const { onWarning, callbacks = [] } = rest
  readArgument(who, 'the data', data, dataset)
  const preparing: PreferenceOptions = preparingOf(rest, onPrepare, preparingRules)
  const examplesOf = async (rows: PreferenceDataset): Promise<readonly Example[]> => {
    const pairs = arePairs(rows)
      ? rows
      : (await preparePreferences(tokenizerFor(who, tokenizer), rows, preparing)).examples
    return pairs.map(pairExample)
  }
  const examples = await examplesOf(data)
  if (peftConfig !== null) await beginAdapter(who, model, peftConfig, examples, { ...rest, initSeed })
  check((adapterSetOf(model)?.active.length ?? 0) > 0, 'config', () => {
    return `${who}: the reference is the model with its adapter off, and there is none on it; give peftConfig, or attach one`
  })
  const told: TrainerOptions = {
    ...{ learningRate: 1e-6, disableDropout: true },
    ...trainerOptionsOf<TrainerOptions>(rest),
    ...(evalDataset !== null && { evalDataset: await examplesOf(evalDataset) }),
    callbacks: [...callbacks, ...(onWarning ? [referenceWatch((message) => onWarning(message, 'reference'))] : [])],
    loss: dpoLoss({ ...(beta !== undefined && { beta }) }),
    dataCollator: collatePairs,
  }
  return toEnd(new Trainer(model, examples, told))
}

function arePairs(data: PreferenceDataset): data is readonly PreferenceExample[] {
  return haveAll(data, isPair)
}

/**
 * Says when the model is not its own reference before the first step: the adapter has been trained, or has changed the
 * base.
 */
function referenceWatch(onWarning: (message: string) => void): TrainerCallback {
  return {
    name: 'dpo-reference',
    onStepEnd: ({ step, metrics = {} }) => {
      const [chosen = 0, rejected = 0] = [metrics['rewards/chosen'], metrics['rewards/rejected']]
      if (step > 1 || Math.max(Math.abs(chosen), Math.abs(rejected)) < 1e-3) return
      onWarning(
        'trainDpo: the adapter changed what the model says before the first step, and the reference is the model without ' +
          'it; open it once more with the name ref, call mergeAndUnload and attach a new one, or begin with one that starts from nothing',
      )
    },
  }
}
