import { MedAwareError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { type GgufHeader, readGgufHeader } from '../../gguf/header.ts'
import { ggufTensors } from '../../gguf/reader.ts'
import type { ModelOrigin } from '../../models/causal-lm.ts'
import { bytesSource, type ByteSource } from '../../safetensors/source.ts'
import type { Folder } from '../sources/folder.ts'
import { ggufArchitecture } from './gguf-architectures.ts'
import { configOf } from './gguf-config.ts'
import { GgufFields } from './gguf-fields.ts'
import { checkpointTensors, type PairedHeads } from './gguf-tensors.ts'
import { tokenizerFilesOf } from './gguf-tokenizer.ts'

/** Where a GGUF file is. */
export interface GgufFile {
  readonly name: string
  readonly origin?: ModelOrigin | undefined
  open(): Promise<ByteSource>
}

/** What the header of one comes to. */
interface GgufModel {
  readonly header: GgufHeader
  readonly heads: PairedHeads | null
  /** Files that a model's folder has, by name. */
  readonly files: ReadonlyMap<string, JsonObject>
}

/**
 * A GGUF file as the folder that transformers would have of its model: config.json, tokenizer.json and
 * tokenizer_config.json are made of the metadata. Its methods throw as `readGgufHeader`, `configOf` and
 * `tokenizerFilesOf`.
 */
export function ggufFolder(file: GgufFile): Folder {
  const { name, origin } = file
  let reading: Promise<GgufModel> | undefined
  const model = (): Promise<GgufModel> => {
    reading ??= readModel(file).catch((error: unknown) => {
      reading = undefined
      throw error
    })
    return reading
  }
  return {
    name,
    ...(origin && { origin }),
    has: async (fileName) => (await model()).files.has(fileName),
    async open(fileName) {
      const json = (await model()).files.get(fileName)
      if (json !== undefined) return bytesSource(new TextEncoder().encode(JSON.stringify(json)), fileName)
      throw new MedAwareError('not-found', `${name}: no ${fileName}; it is a GGUF file`)
    },
    async tensors() {
      const { header, heads } = await model()
      return checkpointTensors(ggufTensors(await file.open(), header), heads)
    },
  }
}

async function readModel(file: GgufFile): Promise<GgufModel> {
  const source = await file.open()
  try {
    const header = await readGgufHeader(source)
    const fields = new GgufFields(header.metadata, source.name)
    const row = ggufArchitecture(fields)
    const config = await configOf(fields, row, ggufTensors(source, header))
    const tokenizer = tokenizerFilesOf(fields)
    const files = new Map<string, JsonObject>([['config.json', config]])
    if (tokenizer !== null) {
      files.set('tokenizer.json', tokenizer.tokenizer).set('tokenizer_config.json', tokenizer.config)
    }
    const heads = { queries: Number(config['num_attention_heads']), keys: Number(config['num_key_value_heads']) }
    return { header, heads: row.hasPairedRows ? heads : null, files }
  } finally {
    await source.close?.()
  }
}
