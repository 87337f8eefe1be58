import { foldWords } from '../counts/fold-words.ts'

/** The runs of `size` words of a text as a sorted set of 32-bit hashes; a shorter text is one run. */
export function shinglesOf(text: string, size: number): Uint32Array {
  const words = foldWords(text).split(' ').map(hashWord)
  const runs = new Set<number>()
  for (let at = 0; at < Math.max(1, words.length - size + 1); at++) {
    let hash = 0
    for (const word of words.slice(at, at + size)) hash = mix((Math.imul(hash, 31) + word) >>> 0)
    runs.add(hash)
  }
  return Uint32Array.from(runs).sort()
}

/** Runs that both sets have, of those that either has: 1 for equal texts. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let [i, j, both] = [0, 0, 0]
  while (i < a.length && j < b.length) {
    const [x, y] = [a[i] ?? 0, b[j] ?? 0]
    if (x === y) both++
    if (x <= y) i++
    if (y <= x) j++
  }
  return both / (a.length + b.length - both)
}

/** FNV-1a over UTF-16 units. */
function hashWord(word: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** The finaliser of MurmurHash3: a permutation of 32-bit numbers that leaves no pattern. */
export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
