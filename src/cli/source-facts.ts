import { realpath } from 'node:fs/promises'
import { MedAwareError } from '../core/errors.ts'
import { type Folder, readModelConfig } from '../io/sources/folder.ts'
import { openFolder } from '../io/sources/open-folder.ts'
import type { SaveDType } from '../io/save/tensors-to-save.ts'
import type { CommandContext } from './command.ts'

/** What a command has to know of a model before it is loaded. */
export interface SourceFacts {
  /** What its plain numbers are, as config.json says; 'f32' where it does not. */
  readonly dtype: SaveDType
  readonly isQuantized: boolean
}

/** Reads a source's config.json. @throws MedAwareError as `openFolder` and `readModelConfig`. */
export async function factsOf(source: string, { signal, progress }: CommandContext): Promise<SourceFacts> {
  const folder = await openFolder(source, { signal, onDownload: progress.load })
  const config = await readModelConfig(folder)
  const word = config['dtype'] ?? config['torch_dtype']
  const dtype = word === 'float16' ? 'f16' : word === 'bfloat16' ? 'bf16' : 'f32'
  return { dtype, isQuantized: config['quantization_config'] != null }
}

/** Whether a folder is a GGUF file with weights in blocks of few bits. @throws MedAwareError as `readModelConfig`. */
export async function isInBlocks(folder: Folder): Promise<boolean> {
  const tensors = await folder.tensors?.()
  const isAny = tensors?.names.some((name) => tensors.info(name).storedAs !== undefined) === true
  await tensors?.close()
  return isAny
}

/** @throws MedAwareError `config` when a result would be written over what it is made from. */
export async function checkApart(out: string, ...sources: readonly string[]): Promise<void> {
  const place = await realpath(out).catch(() => null)
  for (const source of sources) {
    if (place !== null && place === (await realpath(source).catch(() => ''))) {
      throw new MedAwareError('config', `${out} is where ${source} is read from; choose another folder for the result`)
    }
  }
}
