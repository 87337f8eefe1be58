import { check, MedAwareError } from '../core/errors.ts'
import { hashText } from '../core/hash.ts'
import { either, number, type OptionRules, readOptions, text, that, whole } from '../core/options.ts'
import { show, showNames } from '../core/show.ts'
import { type Dataset, datasetOf, type Row, type Rows } from './dataset.ts'

/** How a data set is split. */
export interface SplitOptions<R extends Row = Row> {
  /**
   * What keeps rows together: a column, or a function that gives a key. Texts that differ in case are two keys: a
   * function can make one of them. Default: the whole row, so that rows that are alike stay on one side.
   */
  readonly by?: string | ((row: R) => string | number)
  /** Of the keys that are held out, about; from 0 to 1. Default 0.1. */
  readonly fraction?: number
  /** Another seed holds out other keys. Default 42. */
  readonly seed?: number
}

/** Two parts of a data set, each read from the whole. */
export interface SplitDataset<R extends Row = Row> {
  readonly train: Dataset<R>
  /** What is held out. */
  readonly test: Dataset<R>
}

type KeyOf = (row: Row) => unknown

const rules: OptionRules<SplitOptions> = {
  by: either(
    text,
    that('a function of a row', (value): value is KeyOf & ((row: Row) => string) => typeof value === 'function'),
  ),
  fraction: number({ from: 0, to: 1 }),
  seed: whole(),
}

/**
 * Splits rows so that all of one key are on one side, such as all questions on one disease: where a key goes hangs on
 * it, `fraction` and `seed` alone. So it stays there when rows are added or come in another order, and what is held out
 * at a fraction is held out at a larger one too.
 * @throws MedAwareError `config` for what are no rows, and for options that make no sense; going through the parts
 * throws `config` for a row without the column, or whose key is no text or number.
 */
export function splitDataset<R extends Row>(rows: Rows<R>, options: SplitOptions<R> = {}): SplitDataset<R> {
  const who = 'splitDataset'
  const read = readOptions(who, options as SplitOptions, rules)
  const { by = (row: Row) => JSON.stringify(row, plainNumber), fraction = 0.1, seed = 42 } = read
  const dataset = datasetOf(who, rows)
  const keyOf: KeyOf = typeof by === 'function' ? by : columnOf(who, by)
  const part = (name: string, isHeldOut: boolean): Dataset<R> => ({
    name: `${name} of ${dataset.name}`,
    length: null,
    async *[Symbol.asyncIterator]() {
      let index = 0
      for await (const row of dataset) {
        const key = keyText(`${who}: row ${index}`, keyOf(row))
        if (unitHash(`${seed}\0${key}`) < fraction === isHeldOut) yield row
        index++
      }
    },
  })
  return { train: part('train', false), test: part('test', true) }
}

function columnOf(who: string, column: string): KeyOf {
  return (row) => {
    if (Object.hasOwn(row, column)) return row[column]
    throw new MedAwareError(
      'config',
      `${who}: there is no column ${show(column)}; a row has ${showNames(Object.keys(row))}`,
    )
  }
}

function keyText(at: string, key: unknown): string {
  const isKey = typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint'
  check(isKey, 'config', () => `${at}: its key must be a text or a number, got ${show(key)}`)
  return String(key)
}

/** A number in [0, 1) for a text. */
function unitHash(of: string): number {
  return parseInt(hashText(of).slice(0, 13), 16) / 2 ** 52
}

function plainNumber(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
