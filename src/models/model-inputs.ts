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
  check(Array.isArray(shape) && (inputIds ?? inputsEmbeds) !== undefined, 'config', () => {
    return `${who}: a batch needs inputIds as an Int32Array or inputsEmbeds as a tensor, and its shape as [rows, tokens], got ${show(batch)}`
  })
  check(inputIds === undefined || inputsEmbeds === undefined, 'config', () => {
    return `${who}: a batch has inputIds or inputsEmbeds, not both; the embeddings of ids are model.getInputEmbeddings().forward(ids)`
  })
  const [rows = 0, tokens = 0] = shape ?? []
  check(attentionMask === undefined || attentionMask instanceof Uint8Array, 'config', () => {
    return `${who}: attentionMask must be a Uint8Array, got ${show(attentionMask)}`
  })
  if (inputsEmbeds === undefined) checkIds(inputIds, [rows, tokens], config)
  else checkEmbeddings(inputsEmbeds, [rows, tokens], config)
  const keys = tokens + past
  check(attentionMask === undefined || attentionMask.length === rows * keys, 'shape', () => {
    return `${who}: an attention mask of ${attentionMask?.length} for ${rows} × ${keys} keys`
  })
  return batch
}

function checkIds(ids: unknown, [rows, tokens]: readonly [number, number], { modelType, vocabSize }: ModelConfig) {
  check(ids instanceof Int32Array, 'config', () => {
    return `${modelType}: a batch needs inputIds as an Int32Array, got ${show(ids)}`
  })
  const beyond = ids.find((id) => id < 0 || id >= vocabSize)
  check(
    beyond === undefined,
    'config',
    () => `${modelType}: token ${beyond} is beyond the vocabulary of ${vocabSize}; is this the model's tokenizer?`,
  )
  check(ids.length === rows * tokens, 'shape', () => `${modelType}: ${ids.length} ids for ${rows} × ${tokens} tokens`)
}

function checkEmbeddings(
  embeds: unknown,
  [rows, tokens]: readonly [number, number],
  { modelType, hiddenSize }: ModelConfig,
) {
  check(embeds instanceof Tensor, 'config', () => {
    return `${modelType}: inputsEmbeds must be a tensor, got ${show(embeds)}`
  })
  const wanted = [rows, tokens, hiddenSize]
  check(embeds.dtype === 'f32' && sameShape(embeds.shape, wanted), 'shape', () => {
    return `${modelType}: inputsEmbeds must be f32 ${showShape(wanted)}, got ${embeds.dtype} ${showShape(embeds.shape)}`
  })
}
