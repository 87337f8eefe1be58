import { createHash } from 'node:crypto'
import { DataError } from './data-error.ts'
import type { MedquadPair } from './medquad-pair.ts'

export interface SplitOptions {
  /** Another seed, another split. Default 0. */
  seed?: number
  /** Share of the rows held out for validation, about. Default 0.05. */
  validation?: number
  /** Share of the rows held out for the test, about. Default 0.05. */
  test?: number
}

export interface MedquadSplit {
  train: MedquadPair[]
  validation: MedquadPair[]
  test: MedquadPair[]
}

/** A disease this large (chains of shared CUIs join a fifth of MedQuAD) would fill a held-out part alone. */
const largestHeldOut = 0.1

/**
 * Splits by disease: pairs that share a CUI, a focus or a question (case folded) all land in one part, since a random
 * split would test on diseases seen in training (87% of the rows). A group's part follows from the seed and a hash of
 * its name alone, so it stays there as rows are added elsewhere. Each part gets a disease where there are three or
 * more. Throws `DataError` `config` where the shares are not fractions that leave a train part.
 */
export function splitByDisease(
  pairs: readonly MedquadPair[],
  { seed = 0, validation = 0.05, test = 0.05 }: SplitOptions = {},
): MedquadSplit {
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    throw new DataError(
      'config',
      `medquad: shares held out must be 0 or more and under 1 in all, got ${validation} and ${test}`,
    )
  }
  const groups = groupByDisease(pairs)
  const drawn = [...groups.keys()].map((key) => ({ key, at: hashToUnit(seed, key) })).sort((a, b) => a.at - b.at)
  const rowsOf = (key: string): number => groups.get(key)?.length ?? 0
  let small = drawn.filter(({ key }) => rowsOf(key) <= Math.max(1, pairs.length * largestHeldOut))
  if (small.length < 2) {
    const largest = Math.max(...drawn.map(({ key }) => rowsOf(key)))
    const kept = drawn.find(({ key }) => rowsOf(key) === largest)
    small = drawn.filter((draw) => draw !== kept)
  }
  // The draws closest to 0 are the test, the next the validation; at least one each where asked for and to be had.
  const enough = groups.size >= 3 ? 1 : 0
  const testEnd = Math.max(small.filter(({ at }) => at < test).length, test > 0 ? enough : 0)
  const upTo = small.filter(({ at }) => at < test + validation).length
  const validationEnd = Math.max(upTo, testEnd + (validation > 0 ? enough : 0))
  const held = new Map(
    small.slice(0, validationEnd).map(({ key }, rank) => [key, rank < testEnd ? 'test' : 'validation'] as const),
  )
  const split: MedquadSplit = { train: [], validation: [], test: [] }
  const partOf = new Map(
    [...groups].flatMap(([key, rows]) => rows.map((row) => [row, held.get(key) ?? 'train'] as const)),
  )
  for (const pair of pairs) split[partOf.get(pair) ?? 'train'].push(pair)
  return split
}

/** What the small base learned to write from, and what it has never seen. */
export interface BaseSplit {
  readonly read: MedquadPair[]
  readonly unread: MedquadPair[]
}

/**
 * Halves the diseases of a train part for a base to read one half of them; which, follows from the disease's name
 * alone.
 */
export function splitForBase(train: readonly MedquadPair[]): BaseSplit {
  const parts: BaseSplit = { read: [], unread: [] }
  const groups = groupByDisease(train)
  const read = new Set([...groups].flatMap(([key, rows]) => (hashToUnit('base', key) < 0.5 ? rows : [])))
  for (const pair of train) parts[read.has(pair) ? 'read' : 'unread'].push(pair)
  return parts
}

/** Pairs by disease: connected components over shared CUIs, foci and questions, named by their smallest key. */
export function groupByDisease(pairs: readonly MedquadPair[]): Map<string, MedquadPair[]> {
  const parent = new Map<string, string>()
  const find = (key: string): string => {
    let root = key
    for (let up = parent.get(root); up !== undefined; up = parent.get(root)) root = up
    for (let at = key; at !== root;) {
      const up = parent.get(at) ?? root
      parent.set(at, root)
      at = up
    }
    return root
  }
  for (const pair of pairs) {
    for (const key of keysOf(pair)) {
      const [a, b] = [find(keysOf(pair)[0]), find(key)]
      if (a !== b) parent.set(a < b ? b : a, a < b ? a : b) // the smaller key stays root, so it names the group
    }
  }
  const groups = new Map<string, MedquadPair[]>()
  for (const pair of pairs) {
    const root = find(keysOf(pair)[0])
    const rows = groups.get(root)
    if (rows) rows.push(pair)
    else groups.set(root, [pair])
  }
  return groups
}

/** What a pair may share with others of its disease; without a focus, the page it came from stands in. */
function keysOf(pair: MedquadPair): [string, ...string[]] {
  const keys = pair.cui.map((cui) => `cui:${cui}`)
  if (pair.focus !== '') keys.push(`focus:${fold(pair.focus)}`)
  else if (pair.url !== '') keys.push(`url:${pair.url}`)
  return [`question:${fold(pair.question)}`, ...keys]
}

export const fold = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()

function hashToUnit(seed: number | string, key: string): number {
  return createHash('sha256').update(`${seed}\n${key}`).digest().readUIntBE(0, 6) / 2 ** 48
}
