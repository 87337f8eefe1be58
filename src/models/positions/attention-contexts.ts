import type { Device } from '../../device/device.ts'
import type { KeyValuePrefix } from '../../ops/key-value-prefix.ts'
import { Visibility } from '../../ops/visibility.ts'
import { type VisibleKeys, visibleKeys } from '../../ops/visible-keys.ts'
import { fromArray, type Tensor } from '../../tensor/tensor.ts'
import type { BatchLayout, ModelConfig } from '../causal-lm.ts'
import { alibiPositions, alibiPositionsAt, alibiSlopes } from './alibi.ts'
import type { RotaryTable } from './rotary-table.ts'

/** How a block's attention knows where tokens stand, and how far back it looks. */
export interface Positions {
  /** Angles by which queries and keys are turned; `null`: they are not. */
  readonly rotary: RotaryTable | null
  /** Whether ALiBi's bias is added to scores. Default false. */
  readonly hasAlibi?: boolean
  /** Keys up to its own that a query sees at most; `null`: all. Default null. */
  readonly slidingWindow?: number | null
}

/** The same positions for each of a config's blocks. */
export function everyBlock({ numHiddenLayers }: ModelConfig, positions: Positions): readonly Positions[] {
  return Array.from({ length: numHiddenLayers }, () => positions)
}

/** What the attention of a decoder's block is told of a batch. */
export interface AttentionContext {
  /** Who sees whom, and ALiBi's numbers. */
  readonly visible: VisibleKeys
  /** Cosines and sines of the tokens' angles; `null` where nothing is turned. */
  readonly rotary: Tensor | null
  /** Keys and values that stand before the tokens' own; each block has another. */
  readonly prefix?: KeyValuePrefix | undefined
}

/**
 * Puts on the device what the attention of each block is told of a batch behind `past` tokens; blocks that know places
 * alike share it. As in transformers, rotary positions count every token and ALiBi's only those that are not padding,
 * where the batch does not say positions; only differences matter, so left padding changes nothing.
 * @param positions Of each block.
 */
export function attentionContexts(
  device: Device,
  layout: BatchLayout,
  past: number,
  { heads, positions }: { readonly heads: number; readonly positions: readonly Positions[] },
): readonly AttentionContext[] {
  const {
    shape: [rows, tokens],
    attentionMask,
    positionIds,
  } = layout
  const keys = past + tokens
  const isPacked = positionIds !== undefined && attentionMask === undefined && past === 0
  let all = Visibility.causal(rows, tokens, keys)
  if (attentionMask) all = all.masked(attentionMask)
  if (isPacked) all = all.packed(positionIds)
  const seen = (window: number, hasAlibi: boolean) => {
    const visibility = window < keys ? all.within(window) : all
    if (!hasAlibi) return visibleKeys(device, visibility)
    const places = isPacked ? alibiPositionsAt(positionIds) : alibiPositions(rows, keys, attentionMask)
    return visibleKeys(device, visibility, { slopes: alibiSlopes(heads), positions: places })
  }
  const turned = (rotary: RotaryTable) => {
    const angles = positionIds ? rotary.at(positionIds) : rotary.rows(past, tokens)
    return fromArray(device, angles, [angles.length], 'rotary table')
  }
  const visibles = new Map<string, VisibleKeys>()
  const tables = new Map<RotaryTable, Tensor>()
  return positions.map(({ rotary, hasAlibi = false, slidingWindow }) => {
    const window = Math.min(slidingWindow ?? keys, keys)
    return {
      visible: kept(visibles, `${window} ${hasAlibi}`, () => seen(window, hasAlibi)),
      rotary: rotary && kept(tables, rotary, () => turned(rotary)),
    }
  })
}

function kept<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const there = known.get(key)
  if (there !== undefined) return there
  const made = make()
  known.set(key, made)
  return made
}
