/**
 * The known name that was most likely meant: the same but for case and underscores, the beginning of just one, or few
 * slips away.
 * @returns `null` where none is near.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  const wanted = typeof name === 'string' ? plain(name) : ''
  if (wanted === '' || wanted.length > 64) return null
  const candidates = known.map((candidate) => ({ candidate, slips: slips(wanted, plain(candidate)) }))
  const nearest = candidates.reduce<(typeof candidates)[number] | null>(
    (best, each) => (best === null || each.slips < best.slips ? each : best),
    null,
  )
  // A fifth of the letters: revision is not meant where precision is known.
  if (nearest !== null && nearest.slips <= Math.max(1, Math.floor(wanted.length / 5))) return nearest.candidate
  const alike = known.filter((candidate) => wanted.length >= 3 && isPart(wanted, plain(candidate)))
  return alike.length === 1 ? (alike[0] ?? null) : null
}

/** Case, underscores and hyphens are how one name is written in two languages. */
function plain(name: string): string {
  return name.replaceAll(/[-_\s]/g, '').toLowerCase()
}

function isPart(wanted: string, candidate: string): boolean {
  const isMost = 2 * candidate.length >= wanted.length
  return candidate.startsWith(wanted) || candidate.endsWith(wanted) || (isMost && wanted.endsWith(candidate))
}

/** Letters to insert, drop, change or swap with their neighbour (optimal string alignment distance). */
function slips(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(change, swap, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    before = above
    above = row
  }
  return above[b.length] ?? 0
}
