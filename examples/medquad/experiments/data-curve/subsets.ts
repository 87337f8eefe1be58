import { Random } from 'peft-medaware'
import { DataError } from '../../data/data-error.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { fold, groupByDisease, type MedquadSplit } from '../../data/split-medquad.ts'

/** What a curve is measured with: no disease is in two of them. */
export interface CurveData {
  /** What subsets are drawn from. */
  readonly pool: readonly MedquadPair[]
  /** What says when to stop. */
  readonly validation: readonly MedquadPair[]
  /** What quality is measured on. */
  readonly measured: readonly MedquadPair[]
}

/** How many pairs are kept from the pool, at most. */
export interface HoldOut {
  readonly validation: number
  readonly measured: number
}

/**
 * Holds out diseases of the split's test part alone, which nothing has read, and puts all else into the pool: the train
 * and validation parts, and what is left of the test part. Which they are follows from the data.
 * @throws DataError `config` where the test part has not two diseases that fit.
 */
export function holdOut({ train, validation, test }: MedquadSplit, most: HoldOut): CurveData {
  const groups = new Random(0).shuffle([...groupByDisease(test).values()])
  const measured = fill([], groups, most.measured)
  const stopping = fill([], without(groups, measured), most.validation)
  if (measured.length === 0 || stopping.length === 0) {
    const sought = `${most.measured} pairs to measure on and ${most.validation} to stop by`
    throw new DataError('config', `holdOut: ${groups.length} held-out diseases do not give ${sought}; ask for others`)
  }
  const rest = without(groups, [...measured, ...stopping])
  return { pool: [...train, ...validation, ...rest.flat()], validation: stopping.flat(), measured: measured.flat() }
}

/**
 * Subsets of ascending sizes, each within the next, by whole diseases; another seed, another draw. A disease is a focus
 * here: through shared CUIs a fifth of MedQuAD hangs together, which no small subset could hold.
 * @returns Of each size that many pairs, or as many as whole diseases come to.
 * @throws DataError `config` for a size that the pool has not.
 */
export function nestedSubsets(
  pool: readonly MedquadPair[],
  sizes: readonly number[],
  seed: number,
): ReadonlyMap<number, readonly MedquadPair[]> {
  const largest = Math.max(...sizes)
  if (largest > pool.length) {
    throw new DataError(
      'config',
      `nestedSubsets: there are ${pool.length} pairs to draw from, and ${largest} are asked`,
    )
  }
  const groups = new Random(seed).shuffle([...byFocus(pool).values()])
  const subsets = new Map<number, readonly MedquadPair[]>()
  let drawn: (readonly MedquadPair[])[] = []
  for (const size of [...sizes].sort((a, b) => a - b)) {
    drawn = fill(drawn, groups, size)
    subsets.set(size, drawn.flat())
  }
  return subsets
}

type Group = readonly MedquadPair[]

/** Groups added in their order, those passed over that would make it too many. */
function fill(taken: readonly Group[], groups: readonly Group[], most: number): Group[] {
  const all = [...taken]
  let pairs = all.reduce((sum, group) => sum + group.length, 0)
  for (const group of without(groups, taken)) {
    if (pairs + group.length > most) continue
    all.push(group)
    pairs += group.length
  }
  return all
}

function without(groups: readonly Group[], taken: readonly Group[]): Group[] {
  const gone = new Set(taken)
  return groups.filter((group) => !gone.has(group))
}

function byFocus(pairs: readonly MedquadPair[]): Map<string, MedquadPair[]> {
  const groups = new Map<string, MedquadPair[]>()
  for (const pair of pairs) {
    const key = fold(pair.focus === '' ? pair.url || pair.question : pair.focus)
    const rows = groups.get(key)
    if (rows) rows.push(pair)
    else groups.set(key, [pair])
  }
  return groups
}
