import type { PromptEncoder } from '../nn/prompt.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { BatchLayout, ModelInputs } from './causal-lm.ts'
import { checkPromptable, pastOf } from './model-inputs.ts'

/** A batch as a decoder's blocks are to see it. */
export interface PromptedBatch {
  readonly layout: BatchLayout
  /** Tokens that stand before those of `layout`. */
  readonly past: number
  readonly caches: readonly KeyValueCache[] | undefined
  /** f32 [n, c], which stand before the embeddings of every row; they are in the layout. */
  readonly vectors: Tensor | null
}

/**
 * Puts a model's prompt before every row of a batch, as PEFT does (peft_model.py, PeftModelForCausalLM): its tokens
 * come first of all, before padding too, and are seen by all. With caches it goes in while they are empty; they have
 * room for it before the text, and their lengths do not count it. Positions of the batch's tokens count on behind it.
 * @throws MedAwareError as `checkPromptable`, and as the encoder.
 */
export function behindPrompt(
  who: string,
  encoder: PromptEncoder,
  batch: ModelInputs,
  caches: readonly KeyValueCache[] | undefined,
): PromptedBatch {
  const { virtualTokens: count } = encoder
  const past = pastOf(batch, caches)
  if (count === 0) return { layout: batch, past, caches, vectors: null }
  checkPromptable(who, batch, count)
  const layout = layoutBehind(batch, past, count)
  if (past > 0) {
    const held = caches?.map((cache) => ({ ...cache, length: cache.length + count }))
    return { layout, past: past + count, caches: held, vectors: null }
  }
  const { vectors, prefixes } = encoder.prompt() ?? {}
  if (prefixes !== undefined) return { layout: { ...layout, prefixes }, past: count, caches, vectors: null }
  return { layout: withVectors(layout, count), past: 0, caches, vectors: vectors ?? null }
}

/** A batch's own tokens, behind those of a prompt. */
function layoutBehind({ shape, attentionMask, positionIds }: BatchLayout, past: number, count: number): BatchLayout {
  const [rows, tokens] = shape
  const keys = past + tokens
  // Positions beside a mask are positions and no more: the prompt and the text are one document.
  const own = attentionMask ?? (positionIds && new Uint8Array(rows * keys).fill(1))
  const mask = own && new Uint8Array(rows * (count + keys)).fill(1)
  for (let row = 0; own !== undefined && row < rows; row++) {
    mask?.set(own.subarray(row * keys, (row + 1) * keys), row * (count + keys) + count)
  }
  return {
    shape,
    ...(mask && { attentionMask: mask }),
    ...(positionIds && { positionIds: positionIds.map((position) => position + count) }),
  }
}

/** The same, with the prompt's tokens among the batch's. */
function withVectors({ shape: [rows, tokens], positionIds, ...rest }: BatchLayout, count: number): BatchLayout {
  const width = count + tokens
  const places = (own: Int32Array): Int32Array =>
    Int32Array.from({ length: rows * width }, (_, i) => {
      const token = (i % width) - count
      return token < 0 ? i % width : (own[Math.floor(i / width) * tokens + token] ?? 0)
    })
  return { ...rest, shape: [rows, width], ...(positionIds && { positionIds: places(positionIds) }) }
}
