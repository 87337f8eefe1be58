import type { BaseStart, RestStart } from './base-start.ts'
import { loftq } from './loftq.ts'
import { olora } from './olora.ts'
import { pissa, quickPissa } from './pissa.ts'

const table: Readonly<Record<string, BaseStart>> = { pissa, olora, loftq }

/** CorDA, whose A and B are made by `startByCorda`. */
const corda: RestStart = { besideWeight: 'follows from data' }

/** The start that a value of `initLoraWeights` names, where it takes something out of the base; `null` of others. */
export function restStartOf(initLoraWeights: unknown): RestStart | null {
  return initLoraWeights === 'corda' ? corda : baseStartOf(initLoraWeights)
}

/** The start that a value of `initLoraWeights` names, where it follows from the base's weights; `null` of others. */
export function baseStartOf(initLoraWeights: unknown): BaseStart | null {
  if (typeof initLoraWeights !== 'string') return null
  const [, iterations] = /^pissa_niter_(\d+)$/.exec(initLoraWeights) ?? []
  if (iterations !== undefined) return quickPissa(Number(iterations))
  return Object.hasOwn(table, initLoraWeights) ? (table[initLoraWeights] ?? null) : null
}
