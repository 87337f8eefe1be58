import { type Example, lossByGroup, lossChangeByGroup, type LossReport } from 'peft-medaware'
import type { MedquadPair } from './data/medquad-pair.ts'
import { groupByDisease } from './data/split-medquad.ts'
import type { Dialogue } from './dialogue.ts'

/** A held-out question, and its answer as the model is measured on it. */
export interface HeldOut {
  readonly pair: MedquadPair
  readonly example: Example
}

/** The first pairs that the length leaves something to learn of, at most so many. */
export async function heldOutOf(
  { examplesOf }: Dialogue,
  pairs: readonly MedquadPair[],
  number: number,
  maxLength: number,
): Promise<HeldOut[]> {
  const some: HeldOut[] = []
  for (const pair of pairs) {
    if (some.length === number) break
    const [example] = await examplesOf([pair], maxLength)
    if (example !== undefined) some.push({ pair, example })
  }
  return some
}

/**
 * What `held-out.json` holds: each question with its sums, so that every figure can be worked out anew, and loss (nats
 * a token) and bits per byte by disease with bootstrap intervals; null for a model whose loss tells no example from
 * another.
 */
export function describeHeldOut(heldOut: readonly HeldOut[], before: LossReport, after: LossReport, seed: number) {
  if (before.examples === null || after.examples === null) return null
  const diseases = diseasesOf(heldOut.map(({ pair }) => pair))
  const options = { resamples: 10_000, confidence: 0.95, seed }
  const [was, is] = [before.examples, after.examples]
  return {
    interval: { ...options, of: 'whole diseases, and questions for one disease', change: 'after less before, paired' },
    before: lossByGroup(was, diseases, options),
    after: lossByGroup(is, diseases, options),
    change: lossChangeByGroup(was, is, diseases, options),
    questions: heldOut.map(({ pair: { id, qtype, question } }, i) => {
      const { tokens, bytes, nats } = was[i] ?? { tokens: 0, bytes: null, nats: NaN }
      const disease = diseases[i] ?? ''
      return { id, disease, qtype, question, tokens, bytes, natsBefore: nats, natsAfter: is[i]?.nats ?? NaN }
    }),
  }
}

/** The disease of each pair, by the name that its first pair has. */
export function diseasesOf(pairs: readonly MedquadPair[]): string[] {
  const names = new Map<MedquadPair, string>()
  for (const [key, rows] of groupByDisease(pairs)) {
    const name = rows.find(({ focus }) => focus !== '')?.focus ?? key
    for (const pair of rows) names.set(pair, name)
  }
  return pairs.map((pair) => names.get(pair) ?? '')
}
