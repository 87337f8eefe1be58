import {
  abortSignal,
  callback,
  flag,
  orNull,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  text,
  that,
} from '../../core/options.ts'
import { modelRule, type PretrainedLm } from '../../models/causal-lm.ts'
import { type HubFolderOptions, hubFolderRules } from '../huggingface/hub-folder-options.ts'
import { type FilePiece, piecesOf } from '../save/save-model.ts'
import type { SaveProgress } from '../save/tensor-loader.ts'
import type { Source } from '../sources/open-folder.ts'
import { loadedModel, withModelFolder } from './model-sources.ts'
import type { ModelFile, ModelGgufType } from './whole-model.ts'
import { bytesOfGguf, ggufPlace, writeGguf } from './write-gguf.ts'

/** How a file of a whole model is written. */
interface GgufFileOptions {
  /**
   * Of its matrices: f32, f16, bf16, or q8_0, blocks of 32 codes of 8 bits and a scale. Vectors and norms are f32, and
   * rows that do not fall into blocks f16. convert_hf_to_gguf.py's --outtype. Default 'f16'.
   */
  readonly type?: ModelGgufType
  /** What the file calls the model. Default: the last part of where it was loaded from. */
  readonly name?: string
  /** Called after each tensor. */
  readonly onProgress?: (progress: SaveProgress) => void
  /** Told what llama.cpp does otherwise. Default: nobody. */
  readonly onWarning?: (message: string) => void
  /** Ends writing with its reason at the next tensor; nothing is left behind. */
  readonly signal?: AbortSignal
}

/** How a model is written as GGUF. */
export interface ModelGgufOptions extends GgufFileOptions {
  /**
   * Where its tokenizer and chat template come from; `null` for a file without, which llama.cpp gives ids alone to.
   * Default: where the model was loaded from.
   */
  readonly copyFrom?: Source | null
  /** Write an adapter that is on the model as part of the weights; the model stays as it is. Default false. */
  readonly merge?: boolean
}

/** How a model's folder is converted to GGUF. */
export interface ConvertModelToGgufOptions extends GgufFileOptions, HubFolderOptions {}

/** What was written. */
export interface SavedGguf {
  readonly tensors: number
  readonly bytes: number
}

const fileRules: OptionRules<GgufFileOptions> = {
  type: oneOf(['f32', 'f16', 'bf16', 'q8_0']),
  name: text,
  onProgress: callback(),
  onWarning: callback(),
  signal: abortSignal,
}
const rules: OptionRules<ModelGgufOptions> = {
  ...fileRules,
  copyFrom: orNull(that('a folder, an address, files or null', (value): value is Source => value !== '')),
  merge: flag,
}
const convertRules: OptionRules<ConvertModelToGgufOptions> = { ...fileRules, ...hubFolderRules }
const aliases = { outtype: 'type', dtype: 'type', tokenizer: 'copyFrom', model_name: 'name' } as const
const convertAliases = { outtype: 'type', dtype: 'type', model_name: 'name' } as const

/**
 * A model as a GGUF file for llama.cpp and what is built on it, with its tokenizer and chat template: tensor for tensor
 * as llama.cpp's convert_hf_to_gguf.py makes it of what transformers saves; of Llama, Mistral, Qwen2, Qwen3, Gemma 3
 * and SmolLM3. Quantised weights are written as the numbers they stand for, with an adapter in them rounded once to
 * `type`. All that is written is read back and held against the model. The model stays as it is.
 * @throws MedAwareError `unsupported` for other architectures, a tokenizer or a config that GGUF cannot express, and an
 * adapter that is not to be merged; `not-found` where there is no tokenizer; `numeric` for what `type` has no number
 * for; `config` for bad options; `device`; and `signal`'s reason.
 */
export async function modelGguf(model: PretrainedLm, options: ModelGgufOptions = {}): Promise<Uint8Array> {
  return bytesOfGguf(await fileOf('modelGguf', model, options, 'model.gguf'))
}

/**
 * `modelGguf` piece by piece, made as they are taken: for pages, and models that do not fit into memory twice.
 * @throws MedAwareError as `modelGguf`.
 */
export async function* streamModelGguf(
  model: PretrainedLm,
  options: ModelGgufOptions = {},
): AsyncGenerator<FilePiece, void, undefined> {
  const name = 'model.gguf'
  yield* piecesOf({ name, ...(await fileOf('streamModelGguf', model, options, name)) })
}

/**
 * Writes `modelGguf` to a file, tensor by tensor (Node only), whole or not at all.
 * @throws MedAwareError as `modelGguf`, `config` for a path that does not end in .gguf, `disk`.
 */
export async function saveModelGguf(
  model: PretrainedLm,
  path: string,
  options: ModelGgufOptions = {},
): Promise<SavedGguf> {
  const place = ggufPlace('saveModelGguf', path)
  const file = await fileOf('saveModelGguf', model, options, place.name)
  await writeGguf(place, file)
  return { tensors: file.tensors, bytes: file.byteLength }
}

/**
 * Converts a model's folder, one of the Hub or a GGUF file to a GGUF file at `path` (Node only): llama.cpp's
 * convert_hf_to_gguf.py. No device is needed, and one tensor is in memory at a time.
 * @throws MedAwareError as `saveModelGguf`; `not-found`, `format` and `network` for what is read; `unsupported` for
 * weights that bitsandbytes quantised, which `loadModel` and `saveModelGguf` write.
 */
export async function convertModelToGguf(
  source: Source,
  path: string,
  options: ConvertModelToGgufOptions = {},
): Promise<SavedGguf> {
  const who = 'convertModelToGguf'
  const place = ggufPlace(who, path)
  const given = readOptions(who, options, convertRules, convertAliases)
  return withModelFolder(source, { who, file: place.name, ...given }, async (file) => {
    await writeGguf(place, file)
    return { tensors: file.tensors, bytes: file.byteLength }
  })
}

async function fileOf(who: string, given: PretrainedLm, options: ModelGgufOptions, file: string): Promise<ModelFile> {
  const model = readArgument(who, 'model', given, modelRule)
  return loadedModel(model, { who, file, ...readOptions(who, options, rules, aliases) })
}
