import { camelCase } from '../../core/camel-case.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { bySnakeCase, snakeCase } from './snake-case.ts'

/** Fields that are objects of options, each with a key for each option that it may have. */
export type NestedFields = Readonly<Record<string, object>>

/** What a file says in an object of options. */
export interface NestedValue {
  /** Its options by our names; what is no object, as it is. */
  readonly options: unknown
  /** What it has besides, as it is. */
  readonly others: JsonObject
}

/** Parts what a file says in an object of options into those that there are, and the rest. */
export function readNested(value: unknown, options: object): NestedValue {
  if (!isJsonObject(value)) return { options: value, others: {} }
  const isOption = ([key]: readonly [string, unknown]) => isNamed(key, options)
  const entries = Object.entries(value)
  const known = entries.filter(isOption).map(([key, each]) => [camelCase(key), each] as const)
  const others = entries.filter((entry) => !isOption(entry))
  return { options: Object.fromEntries(known), others: Object.fromEntries(others) }
}

/** What `readNested` read, as the file said it. */
export function writeNested(value: unknown, others: unknown): unknown {
  if (!isJsonObject(value)) return value
  return { ...bySnakeCase(value), ...(isJsonObject(others) && others) }
}

/** Whether all of a value may stand beside an object's options. */
export function isBeside(value: unknown, options: object): value is JsonObject {
  return isJsonObject(value) && Object.keys(value).every((key) => !isNamed(key, options))
}

function isNamed(key: string, options: object): boolean {
  return Object.keys(options).some((option) => snakeCase(option) === key)
}
