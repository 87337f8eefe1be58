/** What a claim is about. */
export const claimKinds = ['dose', 'number', 'drug', 'disease', 'directive'] as const

export type ClaimKind = (typeof claimKinds)[number]

/** A place in a text that says something which a source must bear out. */
export interface Claim {
  readonly kind: ClaimKind
  /** In UTF-16 units, as `slice` counts. */
  readonly start: number
  readonly end: number
  /** Facts of which the source must have one, of each list. */
  readonly needs: readonly (readonly string[])[]
}

/** Looks for claims of some kinds. */
export interface ClaimFinder {
  claims(answer: string): Claim[]
  /** All that a source bears out, in the words of `needs`. */
  facts(source: string): Set<string>
}

/** A text with nothing where something was found already, so that it is not found again. */
export function without(text: string, found: readonly Pick<Claim, 'start' | 'end'>[]): string {
  let rest = text
  for (const { start, end } of found) rest = rest.slice(0, start) + ' '.repeat(end - start) + rest.slice(end)
  return rest
}

/** Of claims that overlap the longest, in the order of the text. */
export function longest(claims: readonly Claim[]): Claim[] {
  const kept: Claim[] = []
  for (const claim of [...claims].sort((a, b) => b.end - b.start - (a.end - a.start))) {
    if (!kept.some(({ start, end }) => claim.start < end && start < claim.end)) kept.push(claim)
  }
  return kept.sort((a, b) => a.start - b.start)
}
