import { check } from '../../core/errors.ts'

/** Cells of a table that are filled at most: 512 MiB in two bytes each. */
const mostCells = 2 ** 28

/** Words as numbers, the same for the same word of either list. */
function numbered(...lists: readonly (readonly string[])[]): Int32Array[] {
  const numbers = new Map<string, number>()
  return lists.map((words) =>
    Int32Array.from(words, (word) => {
      const known = numbers.get(word) ?? numbers.size
      numbers.set(word, known)
      return known
    }),
  )
}

/** Words of the longest common subsequence of two lists. */
export function commonLength(some: readonly string[], others: readonly string[]): number {
  const [a = new Int32Array(), b = new Int32Array()] = numbered(some, others)
  const row = new Uint32Array(b.length + 1)
  for (const word of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1] ?? 0)
      diagonal = above
    }
  }
  return row[b.length] ?? 0
}

/**
 * Where in `target` the words of one longest common subsequence stand, the one that rouge_score takes: from the end on,
 * left only where that is longer than up.
 * @throws MedAwareError `memory` where both are very long.
 */
export function commonPlaces(target: readonly string[], prediction: readonly string[]): number[] {
  const [a = new Int32Array(), b = new Int32Array()] = numbered(target, prediction)
  const width = b.length + 1
  check((a.length + 1) * width <= mostCells, 'memory', () => {
    return `rouge: rougeLsum takes lines of ${a.length} and ${b.length} words, too long for its table; break the lines`
  })
  const Cells = Math.min(a.length, b.length) < 2 ** 16 ? Uint16Array : Uint32Array
  const table = new Cells((a.length + 1) * width)
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j
      const isSame = a[i - 1] === b[j - 1]
      table[at] = isSame ? (table[at - width - 1] ?? 0) + 1 : Math.max(table[at - width] ?? 0, table[at - 1] ?? 0)
    }
  }
  const places: number[] = []
  for (let i = a.length, j = b.length; i > 0 && j > 0;) {
    const at = i * width + j
    if (a[i - 1] === b[j - 1]) {
      places.push(--i)
      j--
    } else if ((table[at - 1] ?? 0) > (table[at - width] ?? 0)) j--
    else i--
  }
  return places.reverse()
}
