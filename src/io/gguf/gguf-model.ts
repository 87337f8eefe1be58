import type { JsonObject } from '../../core/json.ts'
import { readGgufHeader } from '../../gguf/header.ts'
import { ggufTensors } from '../../gguf/reader.ts'
import type { ModelOrigin } from '../../models/causal-lm.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import { ggufArchitecture } from './gguf-architectures.ts'
import { configOf } from './gguf-config.ts'
import { GgufFields } from './gguf-fields.ts'
import { checkpointTensors } from './gguf-tensors.ts'
import { tokenizerFilesOf, tokenizerWarnings } from './gguf-tokenizer.ts'

/** Where a GGUF file is. */
export interface GgufFile {
  readonly name: string
  readonly origin?: ModelOrigin | undefined
  open(): Promise<ByteSource>
}

/** What the header of one comes to. */
export interface GgufModel {
  /** Files that a model's folder has, by name. */
  readonly files: ReadonlyMap<string, JsonObject>
  /** What is odd but not wrong about it. */
  readonly warnings: readonly string[]
  /** The weights, by the names that a checkpoint has. */
  tensors(): Promise<TensorReader>
}

/** Reads the header of a GGUF file. @throws MedAwareError as `readGgufHeader`, `configOf` and `tokenizerFilesOf`. */
export async function readModel(file: GgufFile): Promise<GgufModel> {
  const source = await file.open()
  try {
    const header = await readGgufHeader(source)
    const fields = new GgufFields(header.metadata, source.name)
    const row = ggufArchitecture(fields)
    const config = await configOf(fields, row, ggufTensors(source, header))
    const tokenizer = tokenizerFilesOf(fields, row.ordersMerges)
    const files = new Map<string, JsonObject>([['config.json', config]])
    if (tokenizer !== null) {
      files.set('tokenizer.json', tokenizer.tokenizer).set('tokenizer_config.json', tokenizer.config)
    }
    const heads = {
      who: source.name,
      queries: Number(config['num_attention_heads']),
      keys: Number(config['num_key_value_heads']),
    }
    const warnings = tokenizer === null ? [] : tokenizerWarnings(fields)
    return {
      files,
      warnings,
      tensors: async () => checkpointTensors(ggufTensors(await file.open(), header), row, heads),
    }
  } finally {
    await source.close?.()
  }
}
