import { countCommon, countNgrams } from './ngrams.ts'

/** What is put in place of runs that never match (Chen and Cherry 2014). */
export const smoothMethods = ['exp', 'floor', 'add-k', 'none'] as const

export type SmoothMethod = (typeof smoothMethods)[number]

/** What the methods that take a value take where none is given. */
export const smoothDefaults: Readonly<Partial<Record<SmoothMethod, number>>> = { floor: 0.1, 'add-k': 1 }

/** Of one text, or several together: what BLEU is made of. */
export interface BleuCounts {
  readonly sysLen: number
  readonly refLen: number
  /** Runs of 1, 2, … words that a reference has as well. */
  readonly counts: readonly number[]
  /** All runs of 1, 2, … words. */
  readonly totals: readonly number[]
}

/** BLEU and its parts, in sacrebleu's words. */
export interface BleuScore extends BleuCounts {
  /** From 0 to 100. */
  readonly score: number
  /** Of runs of 1, 2, … words, in percent, smoothed. */
  readonly precisions: readonly number[]
  /** The brevity penalty, from 0 to 1. */
  readonly bp: number
}

/** How counts become a score. */
export interface BleuFormula {
  readonly smoothMethod: SmoothMethod
  readonly smoothValue: number
  readonly effectiveOrder: boolean
}

/** Of words against those of one or more references. */
export function countBleu(
  words: readonly string[],
  references: readonly (readonly string[])[],
  most: number,
): BleuCounts {
  const lengths = references.map(({ length }) => length)
  const orders = Array.from({ length: most }, (_, i) => i + 1)
  const distance = (length: number) => Math.abs(words.length - length)
  const refLen = lengths.reduce((closest, length) => {
    const nearer = distance(length) - distance(closest)
    return nearer < 0 || (nearer === 0 && length < closest) ? length : closest
  })
  return {
    sysLen: words.length,
    refLen,
    counts: orders.map((n) => countCommon(countNgrams(words, n), highestCounts(references, n))),
    totals: orders.map((n) => Math.max(words.length - n + 1, 0)),
  }
}

/** Of texts together: sums. */
export function sumBleu(texts: readonly BleuCounts[]): BleuCounts {
  const total = (of: (text: BleuCounts) => number) => texts.reduce((sum, text) => sum + of(text), 0)
  const byOrder = (of: 'counts' | 'totals') => (texts[0]?.[of] ?? []).map((_, n) => total((text) => text[of][n] ?? 0))
  return {
    sysLen: total(({ sysLen }) => sysLen),
    refLen: total(({ refLen }) => refLen),
    counts: byOrder('counts'),
    totals: byOrder('totals'),
  }
}

/** `BLEU.compute_bleu` of sacrebleu 2.6.0; with add-k the counts that it returns have k in them. */
export function scoreBleu(given: BleuCounts, formula: BleuFormula): BleuScore {
  const { sysLen, refLen } = given
  const bp = sysLen >= refLen ? 1 : sysLen > 0 ? Math.exp(1 - refLen / sysLen) : 0
  const precisions = given.counts.map(() => 0)
  if (given.counts.every((count) => count === 0)) return { ...given, score: 0, precisions, bp }
  const [counts, totals] = [[...given.counts], [...given.totals]]
  let [halvings, order] = [1, precisions.length]
  for (let n = 0; n < precisions.length; n++) {
    const added = formula.smoothMethod === 'add-k' && n > 0 ? formula.smoothValue : 0
    const count = (counts[n] = (counts[n] ?? 0) + added)
    const total = (totals[n] = (totals[n] ?? 0) + added)
    if (total === 0) break
    if (formula.effectiveOrder) order = n + 1
    if (count > 0) precisions[n] = (100 * count) / total
    else if (formula.smoothMethod === 'exp') {
      halvings *= 2
      precisions[n] = 100 / (halvings * total)
    } else if (formula.smoothMethod === 'floor') precisions[n] = (100 * formula.smoothValue) / total
  }
  const logs = precisions.slice(0, order).map((precision) => (precision === 0 ? -9999999999 : Math.log(precision)))
  const score = bp * Math.exp(logs.reduce((sum, log) => sum + log, 0) / order)
  return { sysLen, refLen, counts, totals, score, precisions, bp }
}

function highestCounts(references: readonly (readonly string[])[], n: number): Map<string, number> {
  const [first = [], ...rest] = references
  const highest = countNgrams(first, n)
  for (const words of rest) {
    for (const [ngram, count] of countNgrams(words, n)) highest.set(ngram, Math.max(count, highest.get(ngram) ?? 0))
  }
  return highest
}
