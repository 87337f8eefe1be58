import type { Folder } from '../../src/io/sources/folder.ts'
import { modelFiles } from '../../src/io/save/save-model.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { equal, within, type Check } from './check.ts'
import { batchOf, logitsOf } from './model-checks.ts'

/** A checkpoint that bitsandbytes quantised, with the config of the model it was made from. */
export function qloraFolder(quantised: Folder, plain: Folder): Folder {
  return {
    name: quantised.name,
    has: (fileName) =>
      fileName === 'model.safetensors' ? quantised.has('model-bnb-4bit.safetensors') : plain.has(fileName),
    open: (fileName) =>
      fileName === 'model.safetensors' ? quantised.open('model-bnb-4bit.safetensors') : plain.open(fileName),
  }
}

/** Logits of the 4-bit base before any adapter. */
export async function baseLogitsCheck(model: PretrainedLm, reference: TensorReader): Promise<Check> {
  const actual = await logitsOf(model, await batchOf(reference, 'input_ids'))
  return within('logits of the 4-bit base', actual, await reference.readF32('base_logits'), 1e-4)
}

/** Every tensor of the checkpoint, saved again from the device: all bytes, by name. */
export async function savedAgainCheck(model: PretrainedLm, theirs: TensorReader): Promise<Check> {
  const saved = (await modelFiles(model)).get('model.safetensors') ?? new Uint8Array(0)
  const ours = await openSafetensors(bytesSource(saved))
  const names = new Set([...ours.names, ...theirs.names])
  const bytesOf = async (reader: TensorReader) => {
    const all: number[] = []
    for (const name of names) if (reader.has(name)) for (const byte of await reader.readBytes(name)) all.push(byte)
    return all
  }
  return equal('saved again, bytes of all tensors', await bytesOf(ours), await bytesOf(theirs))
}
