import { Random } from 'peft-medaware'
import { candidatesOf, estimateOf, type MinHashOptions, signaturesOf } from './min-hash.ts'
import { jaccard, shinglesOf } from './shingles.ts'

export interface NearOptions extends MinHashOptions {
  /** Words of a shingle. */
  readonly shingle: number
  /** Jaccard similarity from which two texts are nearly the same. */
  readonly threshold: number
  /** Texts of the sample on which every pair is compared, to see what MinHash misses. */
  readonly sample: number
}

/** What near-duplicates are, unless told otherwise. */
export const nearDefaults: NearOptions = {
  ...{ shingle: 3, threshold: 0.8, permutations: 120, bands: 20, seed: 0, sample: 2000 },
}

/** How good the candidates of MinHash are on a sample, beside the exact similarity of all its pairs. */
export interface MinHashCheck {
  readonly texts: number
  readonly pairs: number
  /** Pairs of the sample at or above the threshold, and those of them that are candidates. */
  readonly near: number
  readonly found: number
  /** Candidates of the sample; those below the threshold are dropped by an exact comparison. */
  readonly candidates: number
  /** Mean distance of the estimated from the exact similarity, over the sample's candidates. */
  readonly meanError: number
}

/** Different texts that are nearly the same. */
export interface NearDuplicates {
  readonly options: NearOptions
  readonly candidates: number
  /** Pairs at or above the threshold, by exact comparison. */
  readonly pairs: number
  /** Texts that have at least one such. */
  readonly texts: number
  readonly check: MinHashCheck
  /** For each text the others that are nearly it, the nearest first. */
  readonly neighbours: ReadonlyMap<number, readonly { readonly other: number; readonly similarity: number }[]>
}

/** Finds pairs of different texts that share most of their runs of words; `onText` is told of each as it is done. */
export function nearDuplicatesOf(
  texts: readonly string[],
  options: NearOptions,
  onText?: (done: number) => void,
): NearDuplicates {
  const sets = texts.map((text) => shinglesOf(text, options.shingle))
  const signatures = signaturesOf(sets, options, onText)
  const candidates = candidatesOf(signatures, options)
  const similarity = (i: number, j: number) => jaccard(sets[i] ?? none, sets[j] ?? none)
  const neighbours = new Map<number, { other: number; similarity: number }[]>()
  const add = (one: number, other: number, similarity: number) => {
    const list = neighbours.get(one)
    if (list) list.push({ other, similarity })
    else neighbours.set(one, [{ other, similarity }])
  }
  let pairs = 0
  for (const [i, j] of candidates) {
    const exact = similarity(i, j)
    if (exact < options.threshold) continue
    pairs++
    add(i, j, exact)
    add(j, i, exact)
  }
  for (const list of neighbours.values()) list.sort((a, b) => b.similarity - a.similarity || a.other - b.other)

  const sample = new Random(options.seed + 1).shuffle(texts.map((_, i) => i)).slice(0, options.sample)
  const known = new Set(sample)
  const inSample = candidates.filter(([i, j]) => known.has(i) && known.has(j))
  const isCandidate = new Set(inSample.map(([i, j]) => i * texts.length + j))
  let [near, found] = [0, 0]
  for (const [at, one] of sample.entries()) {
    for (const other of sample.slice(0, at)) {
      const [i, j] = one < other ? [one, other] : [other, one]
      if (!mayReach(sets[i] ?? none, sets[j] ?? none, options.threshold)) continue
      if (similarity(i, j) < options.threshold) continue
      near++
      if (isCandidate.has(i * texts.length + j)) found++
    }
  }
  const errors = inSample.map(([i, j]) => {
    return Math.abs(estimateOf(signatures[i] ?? none, signatures[j] ?? none) - similarity(i, j))
  })
  const meanError = errors.reduce((sum, error) => sum + error, 0) / Math.max(1, errors.length)
  const compared = (sample.length * (sample.length - 1)) / 2
  const check = { texts: sample.length, pairs: compared, near, found, candidates: inSample.length, meanError }
  return { options, candidates: candidates.length, pairs, texts: neighbours.size, check, neighbours }
}

const none = new Uint32Array(0)

/** The smaller of two sets over the larger is the most that their similarity can be. */
const mayReach = (a: Uint32Array, b: Uint32Array, threshold: number): boolean =>
  Math.min(a.length, b.length) >= threshold * Math.max(a.length, b.length)
