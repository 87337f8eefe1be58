import { writeFilesAtomic } from '#platform'
import {
  abortSignal,
  callback,
  either,
  number,
  type OptionRules,
  readArgument,
  readOptions,
  text,
  that,
} from '../../core/options.ts'
import { formatModelConfig } from '../../models/architectures.ts'
import { modelRule, type PretrainedLm } from '../../models/causal-lm.ts'
import { TiedHead } from '../../nn/language-head.ts'
import type { FileToWrite } from '../../platform/platform.ts'
import {
  checkpointFileName,
  formatShardIndex,
  parseByteSize,
  shardIndexName,
  splitIntoShards,
  tensorBytes,
} from '../../safetensors/split.ts'
import { encodeSafetensorsHeader, streamSafetensors } from '../../safetensors/writer.ts'
import { wholeFiles, type Folder } from '../sources/folder.ts'
import { openFolder, type Source } from '../sources/open-folder.ts'
import { quantizationConfig } from './quantization-config.ts'
import { type SaveProgress, tensorLoader } from './tensor-loader.ts'
import { dtypeWords, saveWeightsRules, tensorsToSave, type SaveWeightsOptions } from './tensors-to-save.ts'

export type { SaveProgress } from './tensor-loader.ts'

/** How a model is saved. */
export interface SaveModelOptions extends SaveWeightsOptions {
  /**
   * Files of at most so many bytes of tensors, as a number or as transformers' words ('5GB', '500MB'); more than one
   * have an index. Default '5GB'.
   */
  readonly maxShardSize?: number | string
  /**
   * Where the model came from: its tokenizer and generation config are saved along, as they are. Default: nothing is.
   */
  readonly copyFrom?: Source
  /** Called after each tensor. */
  readonly onProgress?: (progress: SaveProgress) => void
  /** Ends saving with its reason at the next tensor; nothing is left behind. */
  readonly signal?: AbortSignal
}

/** What was saved. */
export interface SavedModel {
  readonly files: readonly string[]
  readonly bytes: number
}

/** Files of a model's folder that say nothing about its weights. */
const companions = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'chat_template.jinja',
]

/**
 * Saves a model in Hugging Face's format (Node only): config.json and model.safetensors, or shards with their index.
 * Quantised projections are written as they are, under bitsandbytes' keys, for transformers to load; the tied head
 * once. Tensors are made and written one at a time, and the files get their names when the last is done: on failure the
 * folder is as before. Weights of an earlier save that are not replaced are removed.
 * @throws MedAwareError `unsupported` for an adapter that is not to be merged, or merged into a quantised weight;
 * `numeric` for what f16 has no number for; `disk` when it is full; `config` for a senseless shard size; and `signal`'s
 * reason.
 */
export async function saveModel(
  model: PretrainedLm,
  path: string,
  options: SaveModelOptions = {},
): Promise<SavedModel> {
  readArgument('saveModel', 'path', path, text)
  const files = await filesToWrite('saveModel', model, options)
  await writeFilesAtomic(path, files, (name) => checkpointFileName.test(name))
  return { files: files.map(({ name }) => name), bytes: files.reduce((sum, { byteLength }) => sum + byteLength, 0) }
}

/**
 * The files that `saveModel` writes, in memory: for browsers, and models that fit there twice.
 * @throws MedAwareError as `saveModel`.
 */
export async function modelFiles(
  model: PretrainedLm,
  options: SaveModelOptions = {},
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const { name, byteLength, pieces } of await filesToWrite('modelFiles', model, options)) {
    const bytes = new Uint8Array(byteLength)
    let at = 0
    for await (const piece of pieces()) {
      bytes.set(piece, at)
      at += piece.length
    }
    files.set(name, bytes)
  }
  return files
}

/** A part of a file, as it comes: files one after another, each from its first byte to its last. */
export interface FilePiece {
  /** The file's. */
  readonly name: string
  /** Of the whole file. */
  readonly byteLength: number
  readonly bytes: Uint8Array
}

/** Bytes of a piece: few enough that a page which takes one is not held up by it. */
const pieceBytes = 4 << 20

/**
 * The files that `saveModel` writes, piece by piece, made as they are taken: for pages, which can write a model that
 * does not fit into memory twice. Who leaves them ends it. @throws MedAwareError as `saveModel`.
 */
export async function* streamModelFiles(
  model: PretrainedLm,
  options: SaveModelOptions = {},
): AsyncGenerator<FilePiece, void, undefined> {
  for (const file of await filesToWrite('streamModelFiles', model, options)) yield* piecesOf(file)
}

/** A file in pieces of a few megabytes at most; an empty one is an empty piece. */
export async function* piecesOf({ name, byteLength, pieces }: FileToWrite): AsyncGenerator<FilePiece, void, undefined> {
  for await (const piece of pieces()) {
    for (let at = 0; at === 0 || at < piece.length; at += pieceBytes) {
      yield { name, byteLength, bytes: piece.subarray(at, at + pieceBytes) }
    }
  }
}

const rules: OptionRules<SaveModelOptions> = {
  ...saveWeightsRules,
  maxShardSize: either(number({ above: 0 }), text),
  copyFrom: that('a folder, an address or files', (value): value is Source => value !== null && value !== ''),
  onProgress: callback(),
  signal: abortSignal,
}
const aliases = { torch_dtype: 'dtype', tokenizer: 'copyFrom' } as const

/** The one list behind both, weights first. */
async function filesToWrite(who: string, model: PretrainedLm, given: SaveModelOptions): Promise<FileToWrite[]> {
  readArgument(who, 'model', model, modelRule)
  const options = readOptions(who, given, rules, aliases)
  const { dtype = 'f32', dequantize = false, maxShardSize = '5GB', copyFrom } = options
  const maxBytes = parseByteSize(`${who}: maxShardSize`, maxShardSize)
  const word = dtypeWords[dtype][1]
  const quantization = dequantize ? null : quantizationConfig(who, model, word)
  const tensors = await tensorsToSave(who, model, options)
  const shards = splitIntoShards(tensors, maxBytes)
  const load = tensorLoader(
    tensors.map((tensor) => ({ ...tensor, byteLength: tensorBytes(tensor) })),
    { ...options, settle: () => model.device.settle() },
  )
  const metadata = { format: 'pt' }
  const files: FileToWrite[] = shards.map(({ fileName, tensors: inside }) => ({
    name: fileName,
    byteLength: encodeSafetensorsHeader(inside, metadata).fileBytes,
    pieces: () => streamSafetensors(inside, (name) => load(name, fileName), metadata),
  }))
  const small = new Map<string, Uint8Array | string>()
  if (shards.length > 1) {
    const parameters = tensors.reduce((sum, tensor) => sum + tensor.parameters, 0)
    small.set(shardIndexName, formatShardIndex(shards, parameters))
  }
  if (copyFrom !== undefined) {
    const folder = await openFolder(copyFrom, { ...(options.signal && { signal: options.signal }) })
    for (const [name, bytes] of await copies(folder)) small.set(name, bytes)
  }
  const config = {
    ...formatModelConfig({ ...model.config, tieWordEmbeddings: model.getOutputEmbeddings() instanceof TiedHead }),
    dtype: word,
    ...(quantization && { quantization_config: quantization }),
  }
  // Python tells 6 from 6.0, and transformers takes no whole number here.
  const json = JSON.stringify(config, null, 2).replace(/("llm_int8_threshold": \d+)(?=[,\n])/, '$1.0')
  small.set('config.json', `${json}\n`)
  return [...files, ...wholeFiles(small)]
}

async function copies(folder: Folder): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const name of companions) {
    if (!(await folder.has(name))) continue
    const source = await folder.open(name)
    try {
      files.set(name, new Uint8Array(await source.read(0, source.byteLength)))
    } finally {
      await source.close?.()
    }
  }
  return files
}
