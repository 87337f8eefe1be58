/** How often each run of n words occurs. Words have no space within them, so that a space parts them in the keys. */
export function countNgrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + n <= words.length; i++) {
    const ngram = n === 1 ? (words[i] ?? '') : words.slice(i, i + n).join(' ')
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1)
  }
  return counts
}

/** Runs that both have, each as often as the one that has it less. */
export function countCommon(some: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>): number {
  let common = 0
  for (const [ngram, count] of some) common += Math.min(count, others.get(ngram) ?? 0)
  return common
}
