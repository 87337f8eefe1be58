import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'

/** One record: what its columns hold, by their names. */
export type Row = Readonly<Record<string, unknown>>

/** Rows that can be gone through as often as needed: each pass opens them anew. */
export interface Dataset<R extends Row = Row> extends AsyncIterable<R> {
  /** How errors and progress call it, such as a file's name. */
  readonly name: string
  /** Number of rows; `null` where only going through them tells. */
  readonly length: number | null
}

/**
 * Rows as they are given: a dataset, a list, what a generator yields, or a function that opens them for each pass. An
 * iterator that has begun cannot be gone through again.
 */
export type Rows<R extends Row = Row> =
  Dataset<R> | Iterable<R> | AsyncIterable<R> | (() => Iterable<R> | AsyncIterable<R>)

/** Generators that a pass has used up. */
const begun = new WeakSet<object>()

/**
 * Rows of whatever kind as a dataset.
 * @throws MedAwareError `config` for what cannot be gone through; going through it throws `config` for a generator that
 * has begun before, and for a row that is no object of columns.
 */
export function datasetOf<R extends Row>(who: string, rows: Rows<R>): Dataset<R> {
  const given: unknown = rows
  check(typeof given === 'function' || isIterable(given), 'config', () => {
    return `${who}: rows must be a list, what can be gone through or a function that opens it, got ${show(given)}`
  })
  return {
    name: nameOf(given),
    length: lengthOf(given),
    async *[Symbol.asyncIterator]() {
      const opened: unknown = typeof rows === 'function' ? rows() : rows
      check(
        isIterable<R>(opened),
        'config',
        () => `${who}: the function must give rows to go through, got ${show(opened)}`,
      )
      checkFresh(who, opened)
      let index = 0
      for await (const row of opened) {
        check(isRow(row), 'config', () => `${who}: row ${index} must be an object of columns, got ${show(row)}`)
        yield row
        index++
      }
    },
  }
}

/** What a generator has given does not come again. @throws MedAwareError `config`. */
function checkFresh(who: string, opened: AsyncIterable<unknown> | Iterable<unknown>): void {
  // A generator is its own iterator; lists and datasets give a new one each time.
  if (!('next' in opened)) return
  check(!begun.has(opened), 'config', () => {
    return `${who}: the rows have been gone through before and do not come again; give a function that opens them, () => rows()`
  })
  begun.add(opened)
}

function isIterable<T>(value: unknown): value is AsyncIterable<T> | Iterable<T> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

function isRow(row: unknown): row is Row {
  return typeof row === 'object' && row !== null && !Array.isArray(row)
}

function nameOf(given: unknown): string {
  if (typeof given !== 'object' || given === null || !('name' in given)) return 'the rows'
  return typeof given.name === 'string' ? given.name : 'the rows'
}

function lengthOf(given: unknown): number | null {
  if (typeof given !== 'object' || given === null) return null
  const length = 'length' in given ? given.length : 'size' in given ? given.size : null
  return typeof length === 'number' ? length : null
}
