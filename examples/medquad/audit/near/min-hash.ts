import { Random } from 'peft-medaware'
import { mix } from './shingles.ts'

/** How MinHash signatures are made, and cut into bands (Broder 1997; Leskovec, Rajaraman & Ullman, chapter 3). */
export interface MinHashOptions {
  readonly permutations: number
  /** Of so many equal rows; two sets are candidates where all rows of a band are equal. */
  readonly bands: number
  readonly seed: number
}

/** For each permutation the least hash of a set: two sets agree in a share of these that estimates their Jaccard. */
export function signaturesOf(
  sets: readonly Uint32Array[],
  { permutations, seed }: MinHashOptions,
  onSet?: (done: number) => void,
): Uint32Array[] {
  const random = new Random(seed)
  const keys = Uint32Array.from({ length: permutations }, () => random.nextUint32())
  return sets.map((set, done) => {
    const least = new Uint32Array(permutations).fill(0xffffffff)
    for (let k = 0; k < permutations; k++) {
      const key = keys[k] ?? 0
      let smallest = 0xffffffff
      for (let i = 0; i < set.length; i++) {
        const image = mix((set[i] ?? 0) ^ key)
        if (image < smallest) smallest = image
      }
      least[k] = smallest
    }
    onSet?.(done + 1)
    return least
  })
}

/** The share of permutations in which two signatures agree. */
export function estimateOf(a: Uint32Array, b: Uint32Array): number {
  let same = 0
  for (let k = 0; k < a.length; k++) if (a[k] === b[k]) same++
  return same / a.length
}

/** Pairs of indices, the smaller first, that agree in a band at least; each once. */
export function candidatesOf(
  signatures: readonly Uint32Array[],
  { bands, permutations }: MinHashOptions,
): [number, number][] {
  const rows = permutations / bands
  const found = new Set<number>()
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<string, number[]>()
    for (const [i, signature] of signatures.entries()) {
      const key = signature.subarray(band * rows, (band + 1) * rows).join(' ')
      const bucket = buckets.get(key)
      if (bucket) bucket.push(i)
      else buckets.set(key, [i])
    }
    for (const bucket of buckets.values()) {
      for (const [at, j] of bucket.entries()) {
        for (const i of bucket.slice(0, at)) found.add(i * signatures.length + j)
      }
    }
  }
  return [...found].map((pair) => [Math.floor(pair / signatures.length), pair % signatures.length])
}
