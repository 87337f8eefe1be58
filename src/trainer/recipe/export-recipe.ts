import { check } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import { callback, flag, oneOf, type OptionRules, readOptions, text, whole } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { type Folder, openTensors, readBytes, readJson } from '../../io/sources/folder.ts'
import { openFolder, type Source } from '../../io/sources/open-folder.ts'
import { type Example, readExamples } from '../../models/example.ts'
import type { ScheduleChoice } from '../../optim/schedules/schedules.ts'
import { type TensorToWrite, writeSafetensors } from '../../safetensors/writer.ts'
import { checkpointFileNames } from '../../train/checkpoint.ts'
import { hashExamples, parseIdentity } from '../../train/run-identity.ts'
import { whyNotFollowed } from './followed-options.ts'
import { accelerateConfig, recipeReadme, requirements } from './recipe-texts.ts'
import { savedBase } from './saved-base.ts'
import { type CourseOptions, perDevice, stepsLeft } from './steps-left.ts'
import { trainScript } from './train-script.ts'

/** How a run is written for Python. */
export interface RecipeOptions {
  /** Name or path of the base there, `owner/name[@revision]`. Default: what the adapter's config says. */
  readonly model?: string
  /** Processes to begin with, one a GPU. Default 1. */
  readonly processes?: number
  /** In what the base is multiplied there. Default 'no': in f32, as here. */
  readonly mixedPrecision?: 'no' | 'bf16'
  /** Write accelerate's config for CPUs in place of GPUs. Default false. */
  readonly cpu?: boolean
  /** Told in what the run goes on otherwise than here. Default: nobody. */
  readonly onWarning?: (message: string) => void
}

const rules: OptionRules<RecipeOptions> = {
  model: text,
  processes: whole({ from: 1 }),
  mixedPrecision: oneOf(['no', 'bf16']),
  cpu: flag,
  onWarning: callback(),
}

/** Methods whose parameters alone are the state of their training. */
const methods = ['LORA', 'IA3', 'LOHA', 'LOKR']
/** Starts of LoRA that leave the base's weights as they are. */
const plainStarts: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva']
const adapterNames = ['adapter_config.json', 'adapter_model.safetensors'] as const

/**
 * Writes a run for Python, where it goes on over many GPUs: a script for transformers' Trainer, PEFT and bitsandbytes
 * with accelerate's config, the adapter, AdamW's moments, and each step's examples and learning rate.
 * @param checkpoint A checkpoint's folder, as `Trainer` writes it: `outputDir/checkpoint-N`.
 * @param examples Those of the run, in their order.
 * @returns Files by their names, `adapter/adapter_config.json` among them.
 * @throws MedAwareError `config` for other examples than the run's and a run that is done; `unsupported` for what
 * Python's engines would do otherwise: another optimizer than AdamW, an own loss or schedule, packed examples, batches,
 * a method with a state of its own, and a base in other formats than bitsandbytes'; `not-found`, `format`.
 */
export async function exportRecipe(
  checkpoint: Source,
  examples: readonly Example[],
  options: RecipeOptions = {},
): Promise<Map<string, Uint8Array | string>> {
  const { onWarning, ...given } = readOptions('exportRecipe', options, rules)
  const { processes = 1, mixedPrecision = 'no', cpu = false } = given
  const rows = readExamples('exportRecipe', examples)
  const folder = await openFolder(checkpoint)
  const saved = await readRun(folder, rows)
  const adapter = await readAdapter(folder, saved.settings['disableDropout'] === true)
  const { step, steps, course, settings, optimizer } = saved
  const base = savedBase(saved.formats, mixedPrecision === 'bf16' ? 'bfloat16' : 'float32')
  const [model = '', revision = null] = (given.model ?? adapter.base ?? '').split('@')
  check(model !== '', 'config', () => 'exportRecipe: the adapter does not name its base; give { model }')
  const total = course.batchSize * course.gradientAccumulationSteps
  const notes = [...adapter.notes, ...(mixedPrecision === 'bf16' ? ['Products are in bf16, and here in f32'] : [])]
  for (const note of notes) onWarning?.(`exportRecipe: ${note}`)
  const recipe = {
    ...{ model, revision, ...base, mixed_precision: mixedPrecision, step, steps },
    ...{ learning_rate: course.learningRate, schedule: course.schedule, warmup: course.warmup, optimizer },
    ...{ max_grad_norm: settings['maxGradNorm'], loraplus_lr_ratio: settings['loraplusLrRatio'] ?? null },
    loraplus_lr_embedding: settings['loraplusLrEmbedding'] ?? null,
    per_device_train_batch_size: perDevice(course.batchSize, total, processes),
    ...{ examples_per_step: total, seed: course.seed },
    gradient_checkpointing: settings['gradientCheckpointing'] ?? false,
    disable_dropout: settings['disableDropout'] ?? false,
  }
  return new Map<string, Uint8Array | string>([
    ['train.py', trainScript],
    ['accelerate.yaml', accelerateConfig({ processes, mixedPrecision, cpu })],
    ['recipe.json', `${JSON.stringify(recipe, null, 2)}\n`],
    ['requirements.txt', requirements],
    ['README.md', recipeReadme({ model, step, steps, examplesPerStep: total, notes })],
    ['examples.safetensors', writeSafetensors(stepsLeft(rows, saved, course))],
    ['optimizer.safetensors', writeSafetensors(await moments(folder))],
    ...adapter.files,
  ])
}

/** A run's state, as far as Python can follow it. */
async function readRun(folder: Folder, examples: readonly Example[]) {
  const at = `${folder.name}/${checkpointFileNames.state}`
  const { step, steps, options, data, identity } = await readJson(folder, checkpointFileNames.state)
  const isWhole = Number.isSafeInteger(step) && Number.isSafeInteger(steps) && isJsonObject(options)
  check(isWhole, 'format', () => `exportRecipe: ${at} lacks step, steps or options`)
  const { examples: hash, formats } = parseIdentity(`exportRecipe: ${at}`, identity)
  const { optimizer, ...settings } = options
  const follow = (isSame: boolean, what: string) => {
    check(isSame, 'unsupported', () => `exportRecipe: ${what}, which Python's engines cannot go on with alike`)
  }
  check(isJsonObject(optimizer), 'format', () => `exportRecipe: ${at} names no optimizer`)
  follow(optimizer['type'] === 'adamw', `the run is trained by ${show(optimizer['type'])}, not adamw`)
  const why = whyNotFollowed(options)
  follow(why === null, why ?? '')
  follow(data === undefined, 'the run takes batches as they come')
  follow(
    !examples.some(({ seqLengths = [] }) => seqLengths.length > 1),
    'examples hold several documents each (packing)',
  )
  const course = settings as unknown
  check(isCourse(course), 'format', () => `exportRecipe: ${at}: the options are torn`)
  const { schedule } = course
  const name = isJsonObject(schedule) ? schedule['type'] : schedule
  follow(typeof name === 'string' && !name.startsWith('function '), 'the schedule is a function')
  follow(name !== 'reduce_lr_on_plateau', 'the schedule heeds evaluations')
  check(hashExamples(examples) === hash, 'config', () => {
    return `exportRecipe: the examples are not those of the run in ${folder.name}; give the same rows, tokenizer and options`
  })
  const place = { step: Number(step), steps: Number(steps) }
  check(place.step < place.steps, 'config', () => {
    return `exportRecipe: the run is done, with step ${place.steps}; give an earlier checkpoint, or go on here with more steps first`
  })
  const { betas, eps, weightDecay: weight_decay } = optimizer
  return { ...place, course, settings, optimizer: { betas, eps, weight_decay }, formats }
}

function isCourse(options: unknown): options is CourseOptions {
  if (!isJsonObject(options)) return false
  const numbers = ['batchSize', 'gradientAccumulationSteps', 'learningRate', 'warmup', 'seed']
  return numbers.every((name) => typeof options[name] === 'number') && isSchedule(options['schedule'])
}

function isSchedule(value: unknown): value is ScheduleChoice {
  return typeof value === 'string' || isJsonObject(value)
}

/** The adapter's files, and what is to be said of it. */
async function readAdapter(folder: Folder, isDropoutDisabled: boolean) {
  check(await folder.has(adapterNames[0]), 'unsupported', () => {
    return `exportRecipe: ${folder.name} has no adapter; a model that is trained whole is not exported`
  })
  const config = await readJson(folder, adapterNames[0])
  const { peft_type: type, base_model_name_or_path: base, init_lora_weights: start } = config
  check(
    methods.some((method) => method === type),
    'unsupported',
    () => {
      return `exportRecipe: the adapter is ${show(type)}; ${methods.join(', ')} can be exported`
    },
  )
  check(plainStarts.includes(start), 'unsupported', () => {
    return `exportRecipe: init_lora_weights ${show(start)} changed the base's weights, which PEFT would do once more`
  })
  const ofModules = config['module_dropout'] ?? 0
  const dropout = isDropoutDisabled ? ofModules : (config['lora_dropout'] ?? ofModules)
  const notes = dropout === 0 ? [] : [`Dropout is ${show(dropout)}: losses will not be equal`]
  const files = adapterNames.map(async (name) => [`adapter/${name}`, await readBytes(folder, name)] as const)
  return { base: typeof base === 'string' ? base : null, notes, files: await Promise.all(files) }
}

const momentNames: Readonly<Record<string, string>> = { m: 'exp_avg', v: 'exp_avg_sq' }

/** AdamW's moments, by the names of torch's state and PEFT's parameters. */
async function moments(folder: Folder): Promise<TensorToWrite[]> {
  const reader = await openTensors(folder, checkpointFileNames.tensors)
  const adapter = await openTensors(folder, adapterNames[1])
  try {
    const tensors: TensorToWrite[] = []
    for (const name of reader.names) {
      const at = name.indexOf('.')
      const [kind, path] = [name.slice(0, at), name.slice(at + 1)]
      if (kind === 'parameter') continue
      const known = momentNames[kind]
      check(known !== undefined, 'unsupported', () => {
        return `exportRecipe: the run keeps ${name}, which torch's AdamW has none of`
      })
      const { shape, dtype } = reader.info(name)
      const saved = `base_model.model.${path}`
      const isPlain = adapter.names.includes(saved) && show(adapter.info(saved).shape) !== show(shape)
      check(!isPlain, 'unsupported', () => {
        return `exportRecipe: the adapter was saved as plain LoRA, for its start cannot be made again, and AdamW's state is for the one that is trained here`
      })
      tensors.push({ name: `${known}.base_model.model.${path}`, dtype, shape, data: await reader.readBytes(name) })
    }
    return tensors
  } finally {
    await adapter.close()
    await reader.close()
  }
}
