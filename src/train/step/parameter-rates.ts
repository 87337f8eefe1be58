import { check } from '../../core/errors.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { isFull } from '../../tensor/matrix.ts'
import { optionDefaults, type ResolvedOptions } from '../training-options.ts'

/**
 * Factors on the learning rate of parameters, by LoRA+ (peft/optimizers/loraplus.py): those of LoRA's B and of all that
 * has one dimension, and those of LoRA on tables. None without LoRA+.
 * @throws MedAwareError `config` where the model trains no B, so that the option would do nothing.
 */
export function parameterRates(
  model: CausalLm,
  { learningRate, loraplusLrRatio: ratio, loraplusLrEmbedding: embedding }: ResolvedOptions,
): ReadonlyMap<Tensor, number> {
  const rates = new Map<Tensor, number>()
  if (ratio === null) {
    check(embedding === optionDefaults.loraplusLrEmbedding, 'config', () => {
      return `TrainingRun: loraplusLrEmbedding ${embedding} does nothing without loraplusLrRatio; give it, such as 16`
    })
    return rates
  }
  let hasLora = false
  for (const [path, weight] of model.namedWeights()) {
    if (!isFull(weight) || !weight.requiresGrad) continue
    const [isTable, isB] = [path.includes('lora_embedding_'), path.includes('lora_B')]
    hasLora ||= isTable || isB
    if (isTable) rates.set(weight, embedding / learningRate)
    else if (isB || weight.shape.length < 2) rates.set(weight, ratio)
  }
  check(hasLora, 'config', () => {
    return `TrainingRun: loraplusLrRatio ${ratio} does nothing where no LoRA is trained; leave it out`
  })
  return rates
}
