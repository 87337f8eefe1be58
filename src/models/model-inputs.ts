import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import { prefixLength } from '../ops/key-value-prefix.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { BatchLayout, ModelConfig, ModelInputs } from './causal-lm.ts'

/** Tokens that stand before a batch's own: those of caches, or of a prefix. */
export function pastOf({ prefixes }: BatchLayout, caches?: readonly KeyValueCache[]): number {
  return (caches?.[0]?.length ?? 0) + prefixLength(prefixes?.[0])
}

/**
 * Whether a document begins at token i of a batch, behind another one in its row: where its position does not follow
 * the one before.
 */
function beginsDocument(i: number, positionIds: Int32Array, tokens: number): boolean {
  return i % tokens > 0 && positionIds[i] !== (positionIds[i - 1] ?? 0) + 1
}

/**
 * Checks what a caller gives a model to read.
 * @param caches What holds the tokens before it.
 * @throws MedAwareError `config` for what is no batch, ids and embeddings at once, an id beyond the vocabulary;
 * `shape`.
 */
export function checkInputs(
  batch: ModelInputs,
  caches: readonly KeyValueCache[] | undefined,
  config: ModelConfig,
): ModelInputs {
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
  checkPlaces(who, batch, caches, config)
  const keys = tokens + pastOf(batch, caches)
  check(attentionMask === undefined || attentionMask.length === rows * keys, 'shape', () => {
    return `${who}: an attention mask of ${attentionMask?.length} for ${rows} × ${keys} keys`
  })
  return batch
}

/** Checks where a batch's tokens stand, and what stands before them. */
function checkPlaces(
  who: string,
  { shape: [rows, tokens], positionIds, prefixes }: BatchLayout,
  caches: readonly KeyValueCache[] | undefined,
  { numHiddenLayers }: ModelConfig,
): void {
  check(positionIds === undefined || positionIds instanceof Int32Array, 'config', () => {
    return `${who}: positionIds must be an Int32Array, got ${show(positionIds)}`
  })
  check(positionIds === undefined || positionIds.length === rows * tokens, 'shape', () => {
    return `${who}: ${positionIds?.length} positions for ${rows} × ${tokens} tokens`
  })
  const before = positionIds?.find((position) => position < 0)
  check(before === undefined, 'config', () => `${who}: positionIds count from 0, got ${before}`)
  if (prefixes === undefined) return
  const held = caches?.[0]?.length ?? 0
  check(held === 0, 'config', () => `${who}: prefixes stand before all tokens, and the caches hold ${held} already`)
  check(prefixes.length === numHiddenLayers, 'shape', () => {
    return `${who}: ${prefixes.length} prefixes for ${numHiddenLayers} decoder blocks`
  })
  const length = prefixLength(prefixes[0])
  check(
    prefixes.every((prefix) => prefixLength(prefix) === length),
    'shape',
    () => {
      return `${who}: prefixes are of different lengths, ${prefixes.map(prefixLength).join(', ')}`
    },
  )
}

/**
 * Checks that a model's own prompt can stand before a batch.
 * @throws MedAwareError `config` for prefixes of the batch's own, `unsupported` for several documents in a row.
 */
export function checkPromptable(
  who: string,
  { shape: [, tokens], positionIds, attentionMask, prefixes }: BatchLayout,
  virtualTokens: number,
): void {
  const has = `${who}: the model has a prompt of ${virtualTokens} virtual tokens`
  check(prefixes === undefined, 'config', () => `${has}, so a batch may bring no prefixes; switch its adapter off`)
  if (positionIds === undefined || attentionMask !== undefined) return
  const second = positionIds.findIndex((_, i) => beginsDocument(i, positionIds, tokens))
  check(second < 0, 'unsupported', () => {
    return `${has}, which documents of a packed row cannot share; give each a row of its own, as collate does`
  })
}

/**
 * Checks that no document's first token is to be predicted from the document before it.
 * @throws MedAwareError `config`.
 */
export function checkPackedLabels(
  { shape: [, tokens], positionIds, attentionMask }: BatchLayout,
  labels: Int32Array,
): void {
  if (positionIds === undefined || attentionMask !== undefined) return
  const first = labels.findIndex((label, i) => {
    return label >= 0 && beginsDocument(i, positionIds, tokens)
  })
  check(first < 0, 'config', () => {
    const place = `token ${first % tokens} of row ${Math.floor(first / tokens)}`
    return `loss: ${place} begins a document and has label ${labels[first]}; nothing before it predicts it, give it -100`
  })
}
