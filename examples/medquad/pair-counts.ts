interface Word {
  ids: number[]
  count: number
}

interface Candidate {
  left: number
  right: number
  count: number
}

/** Ids stay far under this, so that a pair of them is one exact number. */
const idLimit = 2 ** 24

/**
 * How often each pair of neighbouring ids occurs in words that come so many times, kept up to date as pairs are merged:
 * only the words that hold a pair are visited. Counts in the heap may be too high; they are checked when they surface.
 */
export class PairCounts {
  private readonly counts = new Map<number, number>()
  private readonly wordsWith = new Map<number, Set<number>>()
  private readonly heap: Candidate[] = []

  constructor(private readonly words: Word[]) {
    words.forEach((word, index) => this.addPairs(word, index))
    for (const [pair, count] of this.counts) this.push(pair, count)
  }

  /** The pair that occurs most, among equals that of the smallest left, then right id. Undefined when none is left. */
  mostFrequent(): Candidate | undefined {
    for (let top = this.pop(); top; top = this.pop()) {
      const count = this.counts.get(top.left * idLimit + top.right) ?? 0
      if (count === top.count) return top
      if (count > 0) this.push(top.left * idLimit + top.right, count)
    }
    return undefined
  }

  /** Replaces every `left right`, from the left, by `id`. */
  merge(left: number, right: number, id: number): void {
    const pair = left * idLimit + right
    const touched = new Set<number>()
    for (const index of this.wordsWith.get(pair) ?? []) {
      const word = this.words[index]
      if (!word) continue
      const merged: number[] = []
      for (let at = 0; at < word.ids.length; at++) {
        const here = word.ids[at] ?? 0
        const joins = here === left && word.ids[at + 1] === right
        merged.push(joins ? id : here)
        if (joins) at++
      }
      if (merged.length === word.ids.length) continue // an earlier merge took this pair out of the word
      this.change(word, -word.count)
      word.ids = merged
      this.addPairs(word, index, touched)
    }
    this.counts.delete(pair)
    this.wordsWith.delete(pair)
    for (const grown of touched) {
      const first = Math.floor(grown / idLimit)
      // Only pairs with the new token can have grown; all others sit in the heap with a count that is high enough.
      if (first === id || grown % idLimit === id) this.push(grown, this.counts.get(grown) ?? 0)
    }
  }

  private addPairs(word: Word, index: number, touched?: Set<number>): void {
    this.change(word, word.count)
    for (let at = 1; at < word.ids.length; at++) {
      const pair = (word.ids[at - 1] ?? 0) * idLimit + (word.ids[at] ?? 0)
      const holders = this.wordsWith.get(pair)
      if (holders) holders.add(index)
      else this.wordsWith.set(pair, new Set([index]))
      touched?.add(pair)
    }
  }

  private change(word: Word, by: number): void {
    for (let at = 1; at < word.ids.length; at++) {
      const pair = (word.ids[at - 1] ?? 0) * idLimit + (word.ids[at] ?? 0)
      this.counts.set(pair, (this.counts.get(pair) ?? 0) + by)
    }
  }

  private push(pair: number, count: number): void {
    const heap = this.heap
    const item = { left: Math.floor(pair / idLimit), right: pair % idLimit, count }
    let at = heap.push(item) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (!parent || !isBefore(item, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = item
  }

  private pop(): Candidate | undefined {
    const heap = this.heap
    const top = heap[0]
    const item = heap.pop()
    if (!item || heap.length === 0) return top
    let at = 0
    for (;;) {
      const [first, second] = [heap[2 * at + 1], heap[2 * at + 2]]
      if (!first) break
      const [child, down] = second && isBefore(second, first) ? [second, 2 * at + 2] : [first, 2 * at + 1]
      if (!isBefore(child, item)) break
      heap[at] = child
      at = down
    }
    heap[at] = item
    return top
  }
}

const isBefore = (a: Candidate, b: Candidate): boolean =>
  a.count !== b.count ? a.count > b.count : a.left !== b.left ? a.left < b.left : a.right < b.right
