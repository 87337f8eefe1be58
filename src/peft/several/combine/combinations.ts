import type { Random } from '../../../core/random.ts'
import { denseOf, type LowRank, lowRankOf, lowRankSvd, padded, stacked, svdOf } from './low-rank.ts'
import { combine, type TaskArithmetic } from './task-vectors.ts'

/** How the updates of a layer become one, by PEFT's combination_type. */
export const combinations = {
  svd: { combine: 'linear', isDecomposed: true },
  linear: { combine: 'linear', isDecomposed: false },
  cat: { combine: 'cat', isDecomposed: false },
  ties: { combine: 'ties', isDecomposed: false },
  ties_svd: { combine: 'ties', isDecomposed: true },
  dare_linear: { combine: 'dare_linear', isDecomposed: false },
  dare_linear_svd: { combine: 'dare_linear', isDecomposed: true },
  dare_ties: { combine: 'dare_ties', isDecomposed: false },
  dare_ties_svd: { combine: 'dare_ties', isDecomposed: true },
  magnitude_prune: { combine: 'magnitude_prune', isDecomposed: false },
  magnitude_prune_svd: { combine: 'magnitude_prune', isDecomposed: true },
} as const satisfies Readonly<Record<string, Pick<CombinationPlan, 'combine' | 'isDecomposed'>>>

/** PEFT's combination_type. */
export type CombinationType = keyof typeof combinations

/** An adapter's update at one layer, with its scaling and the weight that it is to have. */
export interface Weighted {
  readonly update: LowRank
  readonly scaling: number
  readonly weight: number
}

/** How updates of a layer are combined. */
export interface CombinationPlan {
  readonly combine: 'cat' | TaskArithmetic['kind']
  /** Whether the updates in full are combined, and decomposed again; else their factors are. */
  readonly isDecomposed: boolean
  readonly density: number
  readonly majoritySignMethod: TaskArithmetic['majoritySignMethod']
  /** Of what is made. */
  readonly rank: number
  /** A quantile of a decomposition's elements beyond which they are cut; `null` for none. */
  readonly clamp: number | null
}

/** One update of some: by rank `plan.rank`, with scaling 1. */
export function combined(parts: readonly Weighted[], plan: CombinationPlan, random: Pick<Random, 'uniform'>): LowRank {
  const updates = parts.map(({ update }) => update)
  const products = parts.map(({ weight, scaling }) => weight * scaling)
  if (plan.combine === 'cat') return padded(stacked(updates, products), plan.rank)
  const arithmetic = { ...plan, kind: plan.combine }
  const [{ rows, columns, rank } = { rows: 0, columns: 0, rank: 0 }] = updates
  if (!plan.isDecomposed) {
    // The sign goes to one side alone, or it would be gone from the product.
    const roots = products.map((value) => Math.sqrt(Math.abs(value)))
    const signed = products.map((value, i) => (value >= 0 ? 1 : -1) * (roots[i] ?? 0))
    const a = combine(
      updates.map((update) => update.a),
      signed,
      arithmetic,
      random,
    )
    const b = combine(
      updates.map((update) => update.b),
      roots,
      arithmetic,
      random,
    )
    return padded({ rank, rows, columns, a, b }, plan.rank)
  }
  const svd =
    plan.combine === 'linear'
      ? lowRankSvd(stacked(updates, products), plan.rank)
      : svdOf(
          combine(
            parts.map(scaledInFull),
            parts.map(({ weight }) => weight),
            arithmetic,
            random,
          ),
          rows,
          columns,
          plan.rank,
        )
  const made = lowRankOf(svd)
  return padded(plan.clamp === null ? made : clamped(made, plan.clamp), plan.rank)
}

function scaledInFull({ update, scaling }: Weighted): Float32Array {
  return denseOf(update).map((value) => scaling * value)
}

/** Cuts both factors at a quantile of all their elements, as torch.quantile interpolates it. */
function clamped(update: LowRank, quantile: number): LowRank {
  const all = new Float32Array(update.b.length + update.a.length)
  all.set(update.b)
  all.set(update.a, update.b.length)
  all.sort()
  const at = quantile * (all.length - 1)
  const [low, high] = [all[Math.floor(at)] ?? 0, all[Math.ceil(at)] ?? 0]
  const limit = low + (at - Math.floor(at)) * (high - low)
  // As torch's clamp: where the limits cross, the upper one counts.
  const cut = (values: Float32Array) => values.map((value) => Math.min(Math.max(value, -limit), limit))
  return { ...update, a: cut(update.a), b: cut(update.b) }
}
