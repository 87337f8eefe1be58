import type { Folder } from '../../src/hub/folder.ts'
import type { CausalLm } from '../../src/models/causal-lm.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { within, type Check } from './check.ts'
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
export async function baseLogitsCheck(model: CausalLm, reference: TensorReader): Promise<Check> {
  const actual = await logitsOf(model, await batchOf(reference, 'input_ids'))
  return within('logits of the 4-bit base', actual, await reference.readF32('base_logits'), 1e-4)
}
