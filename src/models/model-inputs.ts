import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { ModelConfig, ModelInputs } from './causal-lm.ts'

/**
 * Checks what a caller gives a model to read.
 * @param past Tokens in the caches before it.
 * @throws MedAwareError `config` for what is no batch, ids and embeddings at once, an id beyond the vocabulary; `shape`.
 */
export function checkInputs(batch: ModelInputs, past: number, config: ModelConfig): ModelInputs {
  const who = config.modelType
  // A caller in JavaScript may give anything.
  const { inputIds, inputsEmbeds, shape, attentionMask } = (batch as Partial<ModelInputs> | undefined) ?? {}
  const isOne = inputIds instanceof Int32Array || inputsEmbeds instanceof Tensor
  check(isOne && Array.isArray(shape), 'config', () => {
    const needs = 'inputIds as an Int32Array or inputsEmbeds as a tensor, and its shape as [rows, tokens]'
    return `${who}: a batch needs ${needs}, got ${show(batch)}`
  })
  check(inputIds === undefined || inputsEmbeds === undefined, 'config', () => {
    return `${who}: a batch has inputIds or inputsEmbeds, not both; getInputEmbeddings() of a model makes the one of the other`
  })
  const { vocabSize, hiddenSize } = config
  const [rows, tokens] = shape
  if (inputsEmbeds === undefined) {
    const beyond = inputIds?.find((id) => id < 0 || id >= vocabSize)
    check(beyond === undefined, 'config', () => {
      return `${who}: token ${beyond} is beyond the vocabulary of ${vocabSize}; is this the model's tokenizer?`
    })
    check(inputIds?.length === rows * tokens, 'shape', () => {
      return `${who}: ${inputIds?.length} ids for ${rows} × ${tokens} tokens`
    })
  } else {
    const { dtype, shape: given } = inputsEmbeds
    const wanted = [rows, tokens, hiddenSize]
    check(dtype === 'f32' && sameShape(given, wanted), 'shape', () => {
      return `${who}: inputsEmbeds must be f32 ${showShape(wanted)}, got ${dtype} ${showShape(given)}`
    })
  }
  check(attentionMask === undefined || attentionMask instanceof Uint8Array, 'config', () => {
    return `${who}: attentionMask must be a Uint8Array, got ${show(attentionMask)}`
  })
  const keys = tokens + past
  check(attentionMask === undefined || attentionMask.length === rows * keys, 'shape', () => {
    return `${who}: an attention mask of ${attentionMask?.length} for ${rows} × ${keys} keys`
  })
  return batch
}
