import { check } from '../core/errors.ts'
import { iterableOf, readArgument, text, that } from '../core/options.ts'
import { pythonFloat } from '../core/python/float.ts'
import type { Shape } from '../core/shape.ts'
import { shorten, showNames } from '../core/show.ts'
import { nestedBlockSize as onlyNestedBlockSize } from './double-quant.ts'
import type { FourBitType } from './four-bit.ts'

/** What bitsandbytes writes beside a 4-bit weight as JSON (functional.py, `QuantState.as_dict`). */
export interface QuantState {
  readonly quantType: FourBitType
  /** Elements a block. */
  readonly blockSize: number
  /** The dtype the weight had, and is dequantised to. */
  readonly dtype: 'float32' | 'float16' | 'bfloat16'
  /** The weight's shape before packing, `[out, in]`. */
  readonly shape: Shape
  /** The three nested fields are there together, when the scales are doubly quantised. */
  readonly nestedBlockSize?: number
  readonly nestedDtype?: 'float32'
  /** The mean scale, a float32 number. */
  readonly nestedOffset?: number
}

export const quantTypes = ['nf4', 'fp4'] as const
const tensorKeys = ['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map']

const stateRule = that('a state with quantType, blockSize, dtype and shape', (value): value is QuantState => {
  return typeof value === 'object' && value !== null && 'shape' in value && Array.isArray(value.shape)
})
const namesRule = iterableOf<string>('the names of tensors')

/** The UTF-8 bytes of `state`, byte for byte what Python's `json.dumps` gives bitsandbytes. */
export function encodeQuantState(state: QuantState): Uint8Array {
  readArgument('encodeQuantState', 'state', state, stateRule)
  const fields = [
    `"quant_type": "${state.quantType}"`,
    `"blocksize": ${state.blockSize}`,
    `"dtype": "${state.dtype}"`,
    `"shape": [${state.shape.join(', ')}]`,
  ]
  if (state.nestedOffset !== undefined) {
    check(
      Number.isFinite(state.nestedOffset),
      'numeric',
      () => `encodeQuantState: nestedOffset must be finite, got ${state.nestedOffset}`,
    )
    fields.push(
      `"nested_blocksize": ${state.nestedBlockSize ?? onlyNestedBlockSize}`,
      `"nested_dtype": "${state.nestedDtype ?? 'float32'}"`,
      `"nested_offset": ${pythonFloat(state.nestedOffset)}`,
    )
  }
  return new TextEncoder().encode(`{${fields.join(', ')}}`)
}

/**
 * Finds how the weight `weightName` is stored, from the names of a file's tensors: `undefined` when it is not 4-bit,
 * else the name of its one `quant_state` tensor and whether its scales are doubly quantised.
 * @throws `format` when there are two such tensors, a part is missing, or a name bitsandbytes does not know.
 */
export function findQuantState(
  weightName: string,
  names: Iterable<string>,
): { key: string; quantType: FourBitType; nested: boolean } | undefined {
  readArgument('findQuantState', 'weightName', weightName, text)
  readArgument('findQuantState', 'names', names, namesRule)
  const prefix = `${weightName}.`
  const suffixes = [...names].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  const states = suffixes.filter((suffix) => suffix.startsWith('quant_state.'))
  if (states.length === 0) return undefined
  check(
    states.length === 1,
    'format',
    () => `findQuantState: ${weightName} must have exactly one quant_state, found ${showNames(states)}`,
  )
  const quantType = quantTypes.find((type) => states[0] === quantStateSuffix(type))
  check(
    quantType !== undefined,
    'unsupported',
    () => `findQuantState: ${weightName} has ${showNames(states)}; known are nf4, fp4`,
  )
  const unknown = suffixes.find((suffix) => suffix !== states[0] && !tensorKeys.includes(suffix))
  check(
    unknown === undefined,
    'format',
    () => `findQuantState: ${prefix}${shorten(unknown ?? '')} is no part of a 4-bit weight`,
  )
  const nested = suffixes.some((suffix) => suffix.startsWith('nested_'))
  const missing = (nested ? tensorKeys : tensorKeys.slice(0, 2)).find((key) => !suffixes.includes(key))
  check(missing === undefined, 'format', () => `findQuantState: ${prefix}${missing} is missing`)
  return { key: prefix + quantStateSuffix(quantType), quantType, nested }
}

/** What follows `<weight>.` in the name of the state's tensor. */
export function quantStateSuffix(type: FourBitType): string {
  return `quant_state.bitsandbytes__${type}`
}
