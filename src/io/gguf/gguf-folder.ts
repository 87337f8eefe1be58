import { MedAwareError } from '../../core/errors.ts'
import { bytesSource } from '../../safetensors/source.ts'
import type { Folder } from '../sources/folder.ts'
import type { GgufFile, GgufModel } from './gguf-model.ts'

/**
 * A GGUF file as the folder that transformers would have of its model: config.json, tokenizer.json and
 * tokenizer_config.json are made of the metadata. Its methods throw as `readGgufHeader`, `configOf` and
 * `tokenizerFilesOf`.
 */
export function ggufFolder(file: GgufFile): Folder {
  const { name, origin } = file
  let reading: Promise<GgufModel> | undefined
  const model = (): Promise<GgufModel> => {
    reading ??= open(file).catch((error: unknown) => {
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
    tensors: async () => (await model()).tensors(),
    warnings: async () => (await model()).warnings,
  }
}

/** What reads such files is loaded with the first of them. */
async function open(file: GgufFile): Promise<GgufModel> {
  const { readModel } = await import('./gguf-model.ts')
  return readModel(file)
}
