import type { Random } from '../../../core/random.ts'

/** How task vectors become one (peft/utils/merge_utils.py). */
export interface TaskArithmetic {
  /**
   * 'linear': their weighted sum. 'magnitude_prune': the same of the largest elements. 'dare_linear': the same of
   * elements by chance, scaled up (arXiv 2311.03099). 'ties': of the largest elements those of the sign that has the
   * most weight, and their mean (arXiv 2306.01708). 'dare_ties': the same of elements by chance.
   */
  readonly kind: 'linear' | 'magnitude_prune' | 'dare_linear' | 'ties' | 'dare_ties'
  /** The share of elements that is kept of each, above 0 and at most 1. */
  readonly density: number
  /** Whether the sign is of the sum of all, or of most. */
  readonly majoritySignMethod: 'total' | 'frequency'
}

/** Makes one of some vectors of equal length, each with its weight. */
export function combine(
  vectors: readonly Float32Array[],
  weights: readonly number[],
  { kind, density, majoritySignMethod }: TaskArithmetic,
  random: Pick<Random, 'uniform'>,
): Float32Array {
  const pruned = vectors.map((vector) => {
    if (kind === 'linear' || density === 1) return vector
    return kind.startsWith('dare') ? keptByChance(vector, density, random) : largestKept(vector, density)
  })
  if (kind === 'ties' || kind === 'dare_ties') return meanOfMajority(pruned, weights, majoritySignMethod)
  const made = new Float32Array(pruned[0]?.length ?? 0)
  for (let i = 0; i < made.length; i++) {
    let sum = 0
    for (let at = 0; at < pruned.length; at++)
      sum += (weights[at] as number) * ((pruned[at] as Float32Array)[i] as number)
    made[i] = sum
  }
  return made
}

/** The elements of the largest magnitudes, the first ones of equal ones; 0 in the place of others. */
export function largestKept(vector: Float32Array, density: number): Float32Array {
  const count = Math.trunc(density * vector.length)
  const magnitudes = vector.map(Math.abs).sort()
  const least = magnitudes[vector.length - count] ?? Infinity
  let ofLeast = 0
  for (let i = vector.length - count; i < vector.length && magnitudes[i] === least; i++) ofLeast++
  return vector.map((value) => {
    const magnitude = Math.abs(value)
    return magnitude > least || (magnitude === least && ofLeast-- > 0) ? value : 0
  })
}

function keptByChance(vector: Float32Array, density: number, random: Pick<Random, 'uniform'>): Float32Array {
  return vector.map((value) => (random.uniform() < density ? value / density : 0))
}

/** At each place the weighted mean of the vectors whose sign there is the elected one. */
function meanOfMajority(
  vectors: readonly Float32Array[],
  weights: readonly number[],
  method: TaskArithmetic['majoritySignMethod'],
): Float32Array {
  const made = new Float32Array(vectors[0]?.length ?? 0)
  for (let i = 0; i < made.length; i++) {
    let [elected, sum, count] = [0, 0, 0]
    for (const vector of vectors) elected += method === 'total' ? (vector[i] as number) : Math.sign(vector[i] as number)
    const sign = elected >= 0 ? 1 : -1
    for (const [at, vector] of vectors.entries()) {
      if (Math.sign(vector[i] as number) !== sign) continue
      sum += (weights[at] as number) * (vector[i] as number)
      count++
    }
    made[i] = sum / Math.max(count, 1)
  }
  return made
}
