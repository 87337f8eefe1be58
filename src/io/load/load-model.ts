import { MedAwareError } from '../../core/errors.ts'
import { abortSignal, callback, flag, type OptionRules, readArgument, readOptions } from '../../core/options.ts'
import { deviceRule } from '../../device/device.ts'
import type { Checkpoint } from '../../formats/format.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import { createModel, parseModelConfig } from '../../models/architectures.ts'
import type { ModelConfig, PretrainedLm } from '../../models/causal-lm.ts'
import { type GenerationConfig, parseGenerationConfig } from '../../models/generation-config.ts'
import type { Weight } from '../../nn/module.ts'
import { openShardedSafetensors } from '../../safetensors/shards.ts'
import { openTensors, readJson, readModelConfig, readText, type Folder } from '../sources/folder.ts'
import { folderOptions, hubFolderRules, type HubFolderOptions } from '../huggingface/hub-folder-options.ts'
import { openFolder, type Source } from '../sources/open-folder.ts'
import { checkRoom } from '../plan/check-room.ts'
import { loadWeights, type StorageReport } from './load-weights.ts'
import { describeSecondLoss, quantisedTwice } from './second-loss.ts'
import { tokenizerOfModel } from '../tokenizer/model-vocabulary.ts'
import { readTokenizerFiles } from '../tokenizer/tokenizer-files.ts'
import { type FileTokenizer, tokenizerFromJson } from '../tokenizer/tokenizer.ts'
import { storageAliases, storageRules } from './weight-storage.ts'
import type { LoadModelOptions } from './load-options.ts'
import { checkpointOf } from './checkpoint.ts'
import { fittingWeights, tellBuffers } from './fit.ts'
import { settledHead } from './tied-head.ts'

/** A model and what came with it. */
export interface LoadedModel {
  readonly model: PretrainedLm
  /**
   * `null` when the folder has no tokenizer.json, of which `onWarning` is told. It encodes no text that uses a token
   * beyond the model's vocabulary.
   */
  readonly tokenizer: TextTokenizer | null
  readonly storage: StorageReport
  /** The source's name, for adapter cards. */
  readonly name: string
}

/**
 * Loads a model of a known architecture (docs/guides/choose-a-base.md has the list) in Hugging Face's format: config.json,
 * model.safetensors or its shards with their index, and tokenizer.json; or in one GGUF file. Tensors come one at a time
 * and are quantised as they come. Blocks of a GGUF file are decoded, but for projections, which stay in them.
 * @param source A directory, `owner/name[@revision]` on the Hugging Face Hub, a folder's address, files, a `Folder`, or
 * a GGUF file.
 * @throws MedAwareError `not-found`, `format`, `config`, `numeric`, `unsupported`, `memory` or `network`, or the
 * signal's reason; what was loaded by then is freed.
 */
export async function loadModel(source: Source, given: LoadModelOptions): Promise<LoadedModel> {
  const options = readOptions('loadModel', given, rules, aliases)
  readArgument('loadModel', 'device', options.device, deviceRule)
  const folder = await openFolder(source, sourceOptions(options))
  const config = parseModelConfig(await readModelConfig(folder))
  const warn = options.onWarning ?? (() => {})
  const found = await openTokenizer(folder, warn)
  const tokenizer = found && tokenizerOfModel(found, config.vocabSize, folder.name, warn)
  const generation = await readGenerationConfig(folder, warn)
  const opened = await openCheckpoint(folder)
  try {
    const head = { source: folder.name, ...(options.onWarning && { warn: options.onWarning }) }
    const { config: settled, checkpoint } = await settledHead(opened, config, head)
    const specs = fittingWeights(checkpoint, settled, folder.name)
    const buffers = tellBuffers(checkpoint, settled, specs, folder.name)
    if (buffers !== null) warn(buffers)
    checkRoom(checkpoint, specs, folder.name, options)
    const twice = quantisedTwice(checkpoint, specs, options)
    const measureError = options.measureError === true || (twice.length > 0 && options.onWarning !== undefined)
    const { weights, storage } = await loadWeights(checkpoint, specs, { ...options, measureError })
    if (twice.length > 0) warn(`${folder.name}: ${describeSecondLoss(checkpoint, twice, storage)}`)
    const model = Object.assign(makeModel(settled, weights), folder.origin)
    if (generation !== null) {
      model.generationConfig = { eosTokenId: model.generationConfig?.eosTokenId ?? [], ...generation }
    }
    return { model, tokenizer, storage, name: folder.name }
  } finally {
    await opened.close()
  }
}

const rules: OptionRules<LoadModelOptions> = {
  device: deviceRule,
  ...storageRules,
  measureError: flag,
  onProgress: callback(),
  onWarning: callback(),
  signal: abortSignal,
  hub: hubFolderRules.hub,
}
const aliases = { ...storageAliases, device_map: 'device' } as const

/**
 * The folder's tokenizer, or `null` where it has no tokenizer.json. `onWarning` is told of that, and of a GGUF file
 * that does not say how its tokenizer cuts texts.
 * @throws MedAwareError as `openFolder`; `not-found`, `format` or `unsupported` for a tokenizer that cannot be used.
 */
export async function loadTokenizer(source: Source, options: HubFolderOptions = {}): Promise<TextTokenizer | null> {
  const folder = await openFolder(source, options)
  return openTokenizer(folder, options.onWarning)
}

async function openTokenizer(
  folder: Folder,
  warn: (message: string) => void = () => {},
): Promise<FileTokenizer | null> {
  const files = await readTokenizerFiles(folder)
  for (const warning of (await folder.warnings?.()) ?? []) warn(warning)
  if (files !== null) return tokenizerFromJson(files.tokenizer, files.config)
  const others = ['tokenizer.model', 'vocab.json', 'spiece.model', 'vocab.txt']
  const has = await Promise.all(others.map((name) => folder.has(name)))
  const other = others[has.indexOf(true)]
  const convert = 'load it with AutoTokenizer in transformers and save it with save_pretrained(folder)'
  const remedy =
    other === undefined ? 'take that of the model it was made from, with loadTokenizer' : `it has ${other}: ${convert}`
  warn(`${folder.name}: there is no tokenizer.json, so the model comes without a tokenizer; ${remedy}`)
  return null
}

async function readGenerationConfig(
  folder: Folder,
  warn: (message: string) => void,
): Promise<Partial<GenerationConfig> | null> {
  if (!(await folder.has('generation_config.json'))) return null
  const json = await readJson(folder, 'generation_config.json')
  const { config, warnings } = parseGenerationConfig(json, folder.name)
  for (const warning of warnings) warn(warning)
  return config
}

function sourceOptions({ onProgress, ...options }: LoadModelOptions): HubFolderOptions {
  return { ...folderOptions(options), ...(onProgress && { onDownload: onProgress }) }
}

function makeModel(config: ModelConfig, weights: ReadonlyMap<string, Weight>): PretrainedLm {
  try {
    return createModel(config, weights)
  } catch (error) {
    for (const weight of weights.values()) weight.dispose()
    throw error
  }
}

/** Opens the weights of a folder, one file or shards. @throws MedAwareError `not-found`, or as `openSafetensors`. */
export async function openCheckpoint(folder: Folder): Promise<Checkpoint> {
  if (folder.tensors !== undefined) return checkpointOf(await folder.tensors())
  if (await folder.has('model.safetensors')) return checkpointOf(await openTensors(folder, 'model.safetensors'))
  const index = 'model.safetensors.index.json'
  if (await folder.has(index)) {
    return checkpointOf(await openShardedSafetensors(await readText(folder, index), (name) => folder.open(name)))
  }
  const pickles = ['pytorch_model.bin', 'pytorch_model.bin.index.json']
  const has = await Promise.all(pickles.map((name) => folder.has(name)))
  const pickle = pickles[has.indexOf(true)]
  const convert = 'load it in transformers and save it with model.save_pretrained(folder, safe_serialization=True)'
  const remedy =
    pickle === undefined ? '' : `; it has ${pickle}, a pickle, which can run code when it is read: ${convert}`
  throw new MedAwareError('not-found', `${folder.name}: no model.safetensors and no ${index}${remedy}`)
}
