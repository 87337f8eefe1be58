import { check } from '../core/errors.ts'
import { sameShape } from '../core/shape.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { openSafetensors } from '../safetensors/reader.ts'
import { bytesSource } from '../safetensors/source.ts'
import { writeSafetensors } from '../safetensors/writer.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** All that is trained of a model, as a safetensors file: f32 by path. */
export async function trainedWeights(model: CausalLm): Promise<Uint8Array> {
  const tensors = await Promise.all(
    trainedOf(model).map(async ([name, tensor]) => {
      return { name, dtype: 'F32' as const, shape: tensor.shape, data: await tensor.readBytes() }
    }),
  )
  return writeSafetensors(tensors, { format: 'pt' })
}

/**
 * Puts what `trainedWeights` gave back.
 * @throws MedAwareError `format` for those of another model; nothing is changed.
 */
export async function putTrainedWeights(who: string, model: CausalLm, file: Uint8Array): Promise<void> {
  const reader = await openSafetensors(bytesSource(file, who))
  const trained = trainedOf(model)
  for (const [name, tensor] of trained) {
    const isFit = reader.names.includes(name) && sameShape(reader.info(name).shape, tensor.shape)
    check(isFit && reader.info(name).dtype === 'F32', 'format', () => `${who}: ${name} is none of this model's`)
  }
  for (const [name, tensor] of trained) tensor.device.upload(tensor, await reader.readBytes(name))
}

function trainedOf(model: CausalLm): readonly (readonly [path: string, tensor: Tensor])[] {
  const trained = new Set(model.trainableParameters())
  return [...model.namedWeights()].flatMap(([path, weight]) => {
    return 'dtype' in weight && trained.has(weight) ? [[path, weight] as const] : []
  })
}
