import { check } from '../core/errors.ts'
import { type JsonObject, parseJsonObject } from '../core/json.ts'
import type { Shape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { type QuantState, quantTypes } from './bitsandbytes-state.ts'
import { nestedBlockSize as onlyNestedBlockSize } from './double-quant.ts'
import { fourBitBlockSizes } from './four-bit.ts'

const dtypes = ['float32', 'float16', 'bfloat16'] as const
const stateKeys = ['quant_type', 'blocksize', 'dtype', 'shape']
const nestedStateKeys = ['nested_blocksize', 'nested_dtype', 'nested_offset']

/**
 * Reads the bytes of a `quant_state.bitsandbytes__nf4` (or `__fp4`) tensor.
 * @throws `format` when they are not JSON or a field is missing, unknown or of the wrong kind; `unsupported` for a
 * quantisation this library does not have.
 */
export function parseQuantState(bytes: Uint8Array): QuantState {
  const fields = parseJsonObject('parseQuantState', bytes)
  const known = [...stateKeys, ...nestedStateKeys]
  const unknown = Object.keys(fields).find((key) => !known.includes(key))
  check(
    unknown === undefined,
    'format',
    () => `parseQuantState: unknown key ${show(unknown)}; known are ${known.join(', ')}`,
  )
  const isNested = nestedStateKeys.some((key) => key in fields)
  const missing = (isNested ? known : stateKeys).find((key) => !(key in fields))
  check(missing === undefined, 'format', () => `parseQuantState: key "${missing}" is missing`)
  const blockSize = positiveInteger(fields, 'blocksize')
  check(fourBitBlockSizes.includes(blockSize), 'unsupported', () => {
    return `parseQuantState: blocksize must be one of ${fourBitBlockSizes.join(', ')}, got ${blockSize}`
  })
  const state = {
    quantType: oneOf(fields, 'quant_type', quantTypes),
    blockSize,
    dtype: oneOf(fields, 'dtype', dtypes),
    shape: shapeOf(fields),
  }
  if (!isNested) return state
  const nestedBlockSize = positiveInteger(fields, 'nested_blocksize')
  check(
    nestedBlockSize === onlyNestedBlockSize,
    'unsupported',
    () => `parseQuantState: nested_blocksize must be ${onlyNestedBlockSize}, got ${nestedBlockSize}`,
  )
  const nestedOffset = fields.nested_offset
  check(
    typeof nestedOffset === 'number' && Number.isFinite(nestedOffset),
    'format',
    () => `parseQuantState: nested_offset must be a number, got ${show(nestedOffset)}`,
  )
  return { ...state, nestedBlockSize, nestedDtype: oneOf(fields, 'nested_dtype', ['float32']), nestedOffset }
}

function oneOf<T extends string>(fields: JsonObject, key: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === fields[key])
  check(
    found !== undefined,
    'unsupported',
    () => `parseQuantState: ${key} must be one of ${allowed.join(', ')}, got ${show(fields[key])}`,
  )
  return found
}

function positiveInteger(fields: JsonObject, key: string): number {
  const value = fields[key]
  check(
    typeof value === 'number' && Number.isSafeInteger(value) && value > 0,
    'format',
    () => `parseQuantState: ${key} must be a positive integer, got ${show(value)}`,
  )
  return value
}

function shapeOf(fields: JsonObject): Shape {
  const { shape } = fields
  check(
    Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0),
    'format',
    () => `parseQuantState: shape must be a list of sizes, got ${show(shape)}`,
  )
  return shape as number[]
}
