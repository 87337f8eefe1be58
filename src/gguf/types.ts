import { check } from '../core/errors.ts'
import { decodeQ4K, decodeQ5K, decodeQ6K } from './blocks-of-256.ts'
import { decodeQ4, decodeQ4Symmetric, decodeQ5, decodeQ5Symmetric, decodeQ8 } from './blocks-of-32.ts'
import type { Decode } from './half-at.ts'

/** A type of tensors, by ggml's name. */
export interface GgufType {
  readonly name: string
  /** Numbers of a block, and its bytes. */
  readonly elements: number
  readonly bytes: number
  /** What it is read as. */
  readonly dtype: 'F32' | 'F16' | 'BF16'
  /** Default: the bytes are the numbers. */
  readonly decode?: Decode
}

const blocks = (name: string, elements: number, bytes: number, decode: Decode): GgufType => {
  return { name, elements, bytes, dtype: 'F32', decode }
}

/** Types that are read, by their number in files (ggml.h, `ggml_type`). */
const types: ReadonlyMap<number, GgufType> = new Map([
  [0, { name: 'F32', elements: 1, bytes: 4, dtype: 'F32' }],
  [1, { name: 'F16', elements: 1, bytes: 2, dtype: 'F16' }],
  [2, blocks('Q4_0', 32, 18, decodeQ4Symmetric)],
  [3, blocks('Q4_1', 32, 20, decodeQ4)],
  [6, blocks('Q5_0', 32, 22, decodeQ5Symmetric)],
  [7, blocks('Q5_1', 32, 24, decodeQ5)],
  [8, blocks('Q8_0', 32, 34, decodeQ8)],
  [12, blocks('Q4_K', 256, 144, decodeQ4K)],
  [13, blocks('Q5_K', 256, 176, decodeQ5K)],
  [14, blocks('Q6_K', 256, 210, decodeQ6K)],
  [30, { name: 'BF16', elements: 1, bytes: 2, dtype: 'BF16' }],
])

/** Types that are written. */
const written = { F32: 0, F16: 1, Q8_0: 8, BF16: 30 } as const

export type GgufTypeName = keyof typeof written

/** Names of those that are not read. */
const others: Readonly<Record<number, string>> = {
  ...{ 9: 'Q8_1', 10: 'Q2_K', 11: 'Q3_K', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S' },
  ...{ 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64' },
  ...{ 29: 'IQ1_M', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4' },
}

/** @throws MedAwareError `unsupported` for a type that is not read, `format` for a number that is none. */
export function typeOf(id: number, who: () => string): GgufType {
  const type = types.get(id)
  const name = others[id]
  check(type !== undefined || name === undefined, 'unsupported', () => {
    const known = [...types.values()].map((each) => each.name)
    return `${who()}: type ${name ?? id} is not read; ${known.join(', ')} are`
  })
  check(type !== undefined, 'format', () => `${who()}: there is no type ${id}`)
  return type
}

/** A type that is written, with its number in files. */
export function typeNamed(name: GgufTypeName): { readonly id: number; readonly type: GgufType } {
  const id = written[name]
  return { id, type: typeOf(id, () => name) }
}
