import { checkpointed } from '../autograd/checkpointed.ts'
import { tidyKeeping } from '../autograd/record.ts'
import type { Module } from '../nn/module.ts'
import type { NormLayer } from '../nn/norm-layer.ts'
import { add } from '../ops/add.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import type { KeyValuePrefix } from '../ops/key-value-prefix.ts'
import type { NormalSum } from '../ops/norm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { AttentionContext } from './positions/attention-contexts.ts'

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

/**
 * Runs x through blocks, each told its own of `contexts`; with checkpointing, a block's input is all that is kept of it
 * for the way back.
 */
export function throughBlocks(
  blocks: Iterable<DecoderBlock>,
  x: Tensor,
  contexts: readonly AttentionContext[],
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
    const [cache, context] = [caches?.[i], contexts[i]]
    if (context === undefined) throw new Error(`decoder block ${i} has no positions`)
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
