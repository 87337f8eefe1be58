import { checkpointed } from '../autograd/checkpointed.ts'
import { block } from '../autograd/record.ts'
import type { Device } from '../device/device.ts'
import type { Module } from '../nn/module.ts'
import type { KeyValueCache } from '../ops/causal-attention.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import { alibiTable, maskTable } from './alibi.ts'
import type { TokenBatch } from './causal-lm.ts'
import type { RotaryTable } from './rotary-table.ts'

/** What the attention of every block of a decoder is told of a batch. */
export interface AttentionContext {
  /** ALiBi's slopes and the keys' positions, or of rotary models which keys are padding; `null`: every key is seen. */
  readonly alibi: Tensor | null
  /** Cosines and sines of the tokens' angles; `null` where positions are not rotary. */
  readonly rotary: Tensor | null
}

/** A decoder's block. */
export interface DecoderBlock extends Module {
  /** x f32 [b, t, c] to the same shape. */
  forward(x: Tensor, context: AttentionContext, cache?: KeyValueCache): Tensor
}

/**
 * Puts on the device what attention is told of a batch behind `past` tokens. As in transformers, rotary positions count
 * every token and ALiBi's only those that are not padding; only differences matter, so left padding changes nothing.
 */
export function attentionContext(
  device: Device,
  { shape: [rows, tokens], attentionMask }: TokenBatch,
  past: number,
  { heads, rotary }: { readonly heads: number; readonly rotary: RotaryTable | null },
): AttentionContext {
  const put = (table: Float32Array, label: string) => fromArray(device, table, [table.length], label)
  if (rotary === null) {
    return { alibi: put(alibiTable(rows, past + tokens, heads, attentionMask), 'alibi'), rotary: null }
  }
  return {
    alibi: attentionMask?.includes(0) === true ? put(maskTable(heads, attentionMask), 'attention mask') : null,
    rotary: put(rotary.rows(past, tokens), 'rotary table'),
  }
}

/** Runs x through blocks; with checkpointing, a block's input is all that is kept of it for the way back. */
export function throughBlocks(
  blocks: Iterable<DecoderBlock>,
  x: Tensor,
  context: AttentionContext,
  {
    isCheckpointing,
    caches,
  }: { readonly isCheckpointing: boolean; readonly caches?: readonly KeyValueCache[] | undefined },
): Tensor {
  const { alibi, rotary } = context
  let i = 0
  for (const one of blocks) {
    const cache = caches?.[i++]
    const input = x
    const work = () => one.forward(input, context, cache)
    const inputs = [input, alibi, rotary].filter((tensor) => tensor !== null)
    x = isCheckpointing ? checkpointed(x.device, { inputs, trainable: one.trainable() }, work) : block(x.device, work)
  }
  return x
}
