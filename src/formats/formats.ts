import { check } from '../core/errors.ts'
import { oneOf, readArgument, type Rule, withMethods } from '../core/options.ts'
import { show } from '../core/show.ts'
import type { StoredMatrix } from '../tensor/stored-matrix.ts'
import { fourBit } from './four-bit/four-bit.ts'
import type { Checkpoint, StorageFormat, StoredWeight } from './format.ts'
import { gguf } from './gguf/gguf.ts'
import { int8 } from './int8/int8.ts'

const builtIn = [fourBit, int8, gguf] as const

/** A type of a format: one of this library's, or of one that was added. */
export type StorageType = (typeof builtIn)[number]['types'][number] | (string & Record<never, never>)

const formats: StorageFormat[] = [...builtIn]

/** The table of formats, in the order in which a checkpoint is searched for them. */
export function storageFormats(): readonly StorageFormat[] {
  return formats
}

/**
 * Adds a row to the table of formats: `quantize`, `loadModel`, `saveModel`, `planMemory` and `inspectModel` then know
 * it.
 * @throws MedAwareError `config` for what is no row, or for a name or type that another has.
 */
export function registerStorageFormat(format: StorageFormat): void {
  readArgument('registerStorageFormat', 'format', format, rowRule)
  for (const { name, types } of formats) {
    const taken = name === format.name ? name : types.find((type) => format.types.includes(type))
    check(taken === undefined, 'config', () => `registerStorageFormat: there is a format ${show(taken)} already`)
  }
  formats.push(format)
}

const rowRule = withMethods<StorageFormat>('a row of the table of formats', [
  ...(['owns', 'check', 'quantize', 'weightBeside', 'find', 'save', 'config'] as const),
])

/** The format that has a type. @throws MedAwareError `config` where none has. */
export function formatOfType(type: string): StorageFormat {
  const found = formats.find(({ types }) => types.includes(type))
  check(found !== undefined, 'config', () => `quantize: type must be ${listOfTypes()}, got ${show(type)}`)
  return found
}

/**
 * The format that a matrix is in. @throws MedAwareError `unsupported` for a matrix of a format that is not in the
 * table.
 */
export function formatOf(matrix: StoredMatrix): StorageFormat {
  const found = formats.find((format) => format.owns(matrix))
  check(found !== undefined, 'unsupported', () => {
    return `formatOf: no storage format for a matrix of ${matrix.recipe.type}; add it with registerStorageFormat`
  })
  return found
}

/** A weight that a checkpoint has in one of the formats; `null` for one of plain numbers. */
export function storedWeight(checkpoint: Checkpoint, weight: string): StoredWeight | null {
  for (const format of formats) {
    const found = format.find(checkpoint, weight)
    if (found !== null) return found
  }
  return null
}

/** The weight that a checkpoint's tensor stands beside in some format. */
export function weightBeside(tensor: string): string | null {
  for (const format of formats) {
    const weight = format.weightBeside(tensor)
    if (weight !== null) return weight
  }
  return null
}

/** The types of all formats, in the table's order. */
export function storageTypes(): readonly string[] {
  return formats.flatMap(({ types }) => types)
}

/** Those that a model can be saved in. */
export function savedTypes(): readonly string[] {
  return formats.filter(({ isSaved = true }) => isSaved).flatMap(({ types }) => types)
}

function listOfTypes(): string {
  const words = storageTypes().map((type) => `'${type}'`)
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** A type of a format in the table, also of one that was added later. */
export const storageType: Rule<StorageType> = {
  get expects() {
    return oneOf(storageTypes()).expects
  },
  read: (value, at) => oneOf(storageTypes()).read(value, at),
}
