import { checkpointed } from '../autograd/checkpointed.ts'
import { tidyKeeping } from '../autograd/record.ts'
import type { Device } from '../device/device.ts'
import type { Module } from '../nn/module.ts'
import type { NormLayer } from '../nn/norm-layer.ts'
import { add } from '../ops/add.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import type { KeyValuePrefix } from '../ops/key-value-prefix.ts'
import type { NormalSum } from '../ops/norm.ts'
import { Visibility } from '../ops/visibility.ts'
import { type VisibleKeys, visibleKeys } from '../ops/visible-keys.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import { alibiPositions, alibiPositionsAt, alibiSlopes } from './positions/alibi.ts'
import type { BatchLayout } from './causal-lm.ts'
import type { RotaryTable } from './positions/rotary-table.ts'

/** What the attention of every block of a decoder is told of a batch. */
export interface AttentionContext {
  /** Who sees whom, and ALiBi's numbers. */
  readonly visible: VisibleKeys
  /** Cosines and sines of the tokens' angles; `null` where positions are not rotary. */
  readonly rotary: Tensor | null
  /** Keys and values that stand before the tokens' own; each block has another. */
  readonly prefix?: KeyValuePrefix | undefined
}

/**
 * A residual stream, f32 [b, t, c]: x and what is still to be added to it, which the norm that comes next does in one
 * pass.
 */
export interface ResidualStream {
  readonly x: Tensor
  readonly branch: Tensor | null
}

/** A stream's sum, and what a norm makes of it. */
export function normalised({ x, branch }: ResidualStream, norm: NormLayer): NormalSum {
  return branch === null ? { y: x, out: norm.forward(x) } : norm.afterSum(x, branch)
}

/** What a block of attention, then the MLP, gives: each reads the normalised sum of all before it. */
export function inSequence(
  stream: ResidualStream,
  [first, second]: readonly [NormLayer, NormLayer],
  attend: (x: Tensor) => Tensor,
  mlp: (x: Tensor) => Tensor,
): ResidualStream {
  const before = normalised(stream, first)
  const between = normalised({ x: before.y, branch: attend(before.out) }, second)
  return { x: between.y, branch: mlp(between.out) }
}

/** A decoder's block. */
export interface DecoderBlock extends Module {
  forward(stream: ResidualStream, context: AttentionContext, cache?: KeyValueCache): ResidualStream
}

/** How a decoder's attention knows where tokens stand. */
export interface Positions {
  readonly heads: number
  /** `null` for ALiBi. */
  readonly rotary: RotaryTable | null
  /** Keys up to its own that a query sees at most; `null`: all. */
  readonly slidingWindow: number | null
}

/**
 * Puts on the device what attention is told of a batch behind `past` tokens. As in transformers, rotary positions count
 * every token and ALiBi's only those that are not padding, where the batch does not say positions; only differences
 * matter, so left padding changes nothing.
 */
export function attentionContext(
  device: Device,
  { shape: [rows, tokens], attentionMask, positionIds }: BatchLayout,
  past: number,
  { heads, rotary, slidingWindow }: Positions,
): AttentionContext {
  const keys = past + tokens
  const isPacked = positionIds !== undefined && attentionMask === undefined && past === 0
  let visibility = Visibility.causal(rows, tokens, keys)
  if (attentionMask) visibility = visibility.masked(attentionMask)
  if (isPacked) visibility = visibility.packed(positionIds)
  if (slidingWindow !== null) visibility = visibility.within(slidingWindow)
  if (rotary === null) {
    const positions = isPacked ? alibiPositionsAt(positionIds) : alibiPositions(rows, keys, attentionMask)
    return { visible: visibleKeys(device, visibility, { slopes: alibiSlopes(heads), positions }), rotary: null }
  }
  const angles = positionIds ? rotary.at(positionIds) : rotary.rows(past, tokens)
  return {
    visible: visibleKeys(device, visibility),
    rotary: fromArray(device, angles, [angles.length], 'rotary table'),
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
    prefixes,
  }: {
    readonly isCheckpointing: boolean
    readonly caches?: readonly KeyValueCache[] | undefined
    readonly prefixes?: readonly KeyValuePrefix[] | undefined
  },
): ResidualStream {
  let stream: ResidualStream = { x, branch: null }
  let i = 0
  for (const one of blocks) {
    const cache = caches?.[i]
    const told = prefixes ? { ...context, prefix: prefixes[i] } : context
    i++
    const input = stream
    const work = () => one.forward(input, told, cache)
    stream = isCheckpointing
      ? { x: checkpointedSum(one, input.x, told, work), branch: null }
      : tidyKeeping(x.device, (keep) => {
          const { x: y, branch } = work()
          return { x: keep(y), branch: branch && keep(branch) }
        })
    // No rule reads what was added.
    input.branch?.dispose()
  }
  return stream
}

/** What a block gives, as one tensor. */
function checkpointedSum(
  one: DecoderBlock,
  x: Tensor,
  { visible, rotary, prefix }: AttentionContext,
  work: () => ResidualStream,
): Tensor {
  const inputs = [x, visible.table, rotary, prefix?.k, prefix?.v].filter((tensor) => tensor != null)
  return checkpointed(x.device, { inputs, trainable: one.trainableParameters() }, () => {
    const { x: y, branch } = work()
    return branch === null ? y : add(y, branch)
  })
}
