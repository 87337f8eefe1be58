import { camelCase } from '../../core/camel-case.ts'
import { check, MedAwareError } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { Dataset } from '../../data/dataset.ts'
import { prepareExamples } from '../../data/prepare-examples.ts'
import { splitDataset } from '../../data/split-dataset.ts'
import type { Device } from '../../device/device.ts'
import { type OpenedDevice, openDevice } from '../../device/open-device.ts'
import { storageTypes } from '../../formats/formats.ts'
import { loadDataset } from '../../io/dataset/load-dataset.ts'
import { loadModel, loadTokenizer } from '../../io/load/load-model.ts'
import { openFolder } from '../../io/sources/open-folder.ts'
import type { Example } from '../../models/example.ts'
import type { CardContent } from '../../peft/card/card-content.ts'
import { trainingArguments } from '../../train/arguments/training-arguments.ts'
import { trainDpo, type TrainDpoOptions } from '../../trainer/preference/train-dpo.ts'
import { train, type TrainDatasetOptions } from '../../trainer/train.ts'
import type { TrainResult } from '../../trainer/trainer.ts'
import type { TrainerCallback } from '../../trainer/trainer-callback.ts'
import { buildFor, buildWords, deviceWords } from '../engine-words.ts'
import { isInBlocks } from '../source-facts.ts'
import { type Recipe, textOf, wordOf } from './recipe.ts'
import type { LoadingDisplay } from './training-display.ts'

/** How a base is kept where a recipe says nothing, and its file has no blocks. */
export const usualStorage = 'nf4'

/** What a recipe's work is told by, and tells. */
interface Surroundings {
  readonly signal: AbortSignal
  readonly progress: LoadingDisplay
}

/** PEFT's usual LoRA, on all projections: what QLoRA's paper and later ones found to do best. */
const usualAdapter = { peft_type: 'LORA', r: 16, lora_alpha: 32, lora_dropout: 0.05, target_modules: 'all-linear' }
/** Ten times the rates of full tuning, as is usual for adapters; TRL's dpo.py takes the second with LoRA. */
const adapterRates = { sft: 2e-4, dpo: 5e-6 }

/** Where a recipe keeps its files. @throws MedAwareError `config` without one. */
export function outputOf({ args }: Recipe): string {
  const { output_dir: under, outputDir: camel } = args
  const given = under ?? camel
  if (typeof given === 'string' && given !== '') return given
  throw new MedAwareError('config', 'the recipe needs output_dir, the folder for checkpoints and the adapter')
}

/** The device that a recipe names, with the CPU engine's fastest build where nothing else is said. */
export async function openFor(recipe: Recipe): Promise<OpenedDevice> {
  const engine = wordOf(recipe, 'device', deviceWords)
  const build = buildFor(wordOf(recipe, 'build', buildWords))
  const { threads } = recipe.own
  const isCount = threads === undefined || (Number.isSafeInteger(threads) && Number(threads) >= 1)
  check(isCount, 'config', () => `threads must be a whole number from 1, got ${show(threads)}`)
  const cpu = { build, ...(threads !== undefined && { threads: Number(threads) }) }
  return openDevice({ device: engine, cpu })
}

/**
 * A model with its tokenizer, as a recipe says: in nf4 where it says nothing, but for a GGUF file in blocks, which are
 * trained over as they are.
 * @throws MedAwareError as `loadModel`; `not-found` without a tokenizer.
 */
export async function loadFor(recipe: Recipe, device: Device, { signal, progress }: Surroundings) {
  const folder = await openFolder(textOf(recipe, 'model'), { signal, onDownload: progress.load })
  const usual = recipe.own.quantize === undefined && (await isInBlocks(folder)) ? 'none' : usualStorage
  const type = wordOf(recipe, 'quantize', ['none', ...storageTypes()], usual)
  const loaded = await loadModel(folder, {
    ...{ device, dtype: wordOf(recipe, 'dtype', ['f32', 'f16', 'bf16']), signal },
    ...{ onProgress: progress.load, onWarning: progress.warn, ...(type !== 'none' && { quantize: { type } }) },
  })
  const { tokenizer, model, name } = loaded
  check(tokenizer !== null, 'not-found', () => `${name} has no tokenizer.json, without which rows have no tokens`)
  return { model, tokenizer }
}

/**
 * Trains as a recipe says, to the end or until the command's signal.
 * @throws MedAwareError as `train` and `trainDpo`.
 */
export async function runRecipe(
  recipe: Recipe,
  device: Device,
  context: Surroundings,
  given: {
    readonly resume: boolean
    readonly acceptDifferences: readonly string[]
    readonly callbacks: readonly TrainerCallback[]
  },
): Promise<TrainResult> {
  const { signal, progress } = context
  const kind = trainerOf(recipe)
  const { run, trainer, data, dpo, passedOver } = trainingArguments(recipe.args)
  const [idle] = kind === 'dpo' ? [] : Object.keys(dpo)
  check(idle === undefined, 'config', () => `${idle} is of preferences; give trainer: dpo too, or leave it out`)
  for (const { name, why } of passedOver) progress.warn(`${name} does nothing here: ${why}`)
  const adapter = adapterOf(recipe)
  const options = {
    ...(adapter !== null && { learningRate: adapterRates[kind] }),
    ...run,
    ...trainer,
    ...data,
    ...dpo,
    ...columnsOf(recipe),
  }
  const { rows, evalRows } = await datasetsOf(recipe)
  const { model, tokenizer } = await loadFor(recipe, device, context)
  const told = {
    ...{ tokenizer, signal, peftConfig: adapter, callbacks: given.callbacks, outputDir: outputOf(recipe) },
    ...(evalRows !== null && { evalDataset: evalRows }),
    ...(recipe.own.card !== undefined && { card: cardOf(recipe) }),
    ...(recipe.own.init_seed !== undefined && { initSeed: Number(recipe.own.init_seed) }),
    ...(given.resume && { resumeFromCheckpoint: true, acceptDifferences: given.acceptDifferences }),
    ...{ onPrepare: progress.rows, onWarning: progress.warn },
  }
  return kind === 'dpo'
    ? trainDpo(model, rows, { ...(options as TrainDpoOptions), ...told })
    : train(model, rows, { ...(options as TrainDatasetOptions), ...told })
}

function trainerOf(recipe: Recipe): 'sft' | 'dpo' {
  return wordOf(recipe, 'trainer', ['sft', 'dpo'])
}

/** The examples that a recipe's rows become, without its model. @throws MedAwareError as `prepareExamples`. */
export async function examplesFor(recipe: Recipe, { signal, progress }: Surroundings): Promise<readonly Example[]> {
  check(trainerOf(recipe) === 'sft', 'unsupported', () => {
    return 'a run of trainer: dpo cannot go on in Python by a script of this library; TRL reads its adapter'
  })
  const source = textOf(recipe, 'model')
  const tokenizer = await loadTokenizer(source, { signal, onWarning: progress.warn })
  check(tokenizer !== null, 'not-found', () => `${source} has no tokenizer.json, without which rows have no tokens`)
  const { data } = trainingArguments(recipe.args)
  const { rows } = await datasetsOf(recipe)
  const told = { signal, onProgress: progress.rows, onWarning: progress.warn }
  const options: JsonObject = { ...data, ...columnsOf(recipe) }
  return (await prepareExamples(tokenizer, rows, { ...options, ...told })).examples
}

/** PEFT's config in this library's names: `null` where the model is trained whole. */
function adapterOf({ own: { adapter = usualAdapter } }: Recipe) {
  if (adapter === null) return null
  check(
    isJsonObject(adapter),
    'config',
    () => `adapter must be a table such as { r: 16 }, or null, got ${show(adapter)}`,
  )
  const named = Object.entries(adapter).map(([name, value]) => [camelCase(name), value] as const)
  return { peftType: 'LORA', ...Object.fromEntries(named) }
}

/** What the adapter's card says, by the names that this library or Python would have. */
function cardOf({ own: { card } }: Recipe): CardContent {
  check(isJsonObject(card), 'config', () => `card must be a table such as { medical: true }, got ${show(card)}`)
  return Object.fromEntries(Object.entries(card).map(([name, value]) => [camelCase(name), value]))
}

function columnsOf({ own: { columns } }: Recipe): JsonObject {
  if (columns === undefined) return {}
  check(
    isJsonObject(columns),
    'config',
    () => `columns must be a table such as { prompt: frage }, got ${show(columns)}`,
  )
  return { columns }
}

/** What to train on and what to measure on. */
async function datasetsOf(recipe: Recipe): Promise<{ readonly rows: Dataset; readonly evalRows: Dataset | null }> {
  const rows = await loadDataset(textOf(recipe, 'data'))
  const { eval_data, eval_fraction: fraction, split_by: by } = recipe.own
  if (fraction === undefined) {
    check(by === undefined, 'config', () => 'split_by says how eval_fraction splits; give that too')
    return { rows, evalRows: eval_data === undefined ? null : await loadDataset(textOf(recipe, 'eval_data')) }
  }
  check(eval_data === undefined, 'config', () => 'eval_data and eval_fraction both say what to measure on; give one')
  const { train, test } = splitDataset(rows, {
    fraction: Number(fraction),
    ...(by !== undefined && { by: textOf(recipe, 'split_by') }),
  })
  return { rows: train, evalRows: test }
}
