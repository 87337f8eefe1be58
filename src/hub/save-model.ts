import { check } from '../core/errors.ts'
import { formatModelConfig } from '../models/architectures.ts'
import type { PretrainedLm } from '../models/causal-lm.ts'
import { encodeFloats } from '../safetensors/float16.ts'
import { writeSafetensors, type TensorToWrite } from '../safetensors/writer.ts'
import { Tensor } from '../tensor/tensor.ts'

/** Precision a checkpoint is written in. */
export type SaveDType = 'F32' | 'F16' | 'BF16'

/**
 * A model in Hugging Face's format: config.json and model.safetensors, a tied head once.
 * @throws MedAwareError `unsupported` for a model with quantised weights or an adapter; merge it first.
 */
export async function modelFiles(
  model: PretrainedLm,
  dtype: SaveDType = 'F32',
): Promise<Map<string, Uint8Array | string>> {
  const tensors: TensorToWrite[] = []
  for (const [name, weight] of model.namedWeights()) {
    check(
      weight instanceof Tensor && !name.includes('lora_'),
      'unsupported',
      () => `modelFiles: ${name} is quantised or an adapter's; merge to full precision first`,
    )
    tensors.push({ name, dtype, shape: weight.shape, data: encodeFloats(await weight.read(), dtype) })
  }
  const dtypes = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }
  const config = { ...formatModelConfig(model.config), dtype: dtypes[dtype] }
  return new Map<string, Uint8Array | string>([
    ['config.json', `${JSON.stringify(config, null, 2)}\n`],
    ['model.safetensors', writeSafetensors(tensors, { format: 'pt' })],
  ])
}
