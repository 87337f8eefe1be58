import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { Cursor } from './cursor.ts'

export type GgufScalar = number | bigint | boolean | string

/** A value of the metadata; a whole number of 64 bits is a bigint where a number would round it. */
export type GgufValue = GgufScalar | readonly GgufScalar[]

export type GgufMetadata = ReadonlyMap<string, GgufValue>

/** A type of values, by its number in files (gguf.h, `gguf_type`). */
interface ValueType {
  /** The least that a value takes. */
  readonly bytes: number
  /** Of those bytes; a text is read otherwise. */
  readonly read: ((view: DataView, at: number) => GgufScalar) | 'text'
}

const whole = (value: bigint) => (BigInt.asIntN(54, value) === value ? Number(value) : value)

const types: readonly (ValueType | 'list')[] = [
  { bytes: 1, read: (view, at) => view.getUint8(at) },
  { bytes: 1, read: (view, at) => view.getInt8(at) },
  { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  { bytes: 1, read: (view, at) => view.getUint8(at) !== 0 },
  { bytes: 8, read: 'text' },
  'list',
  { bytes: 8, read: (view, at) => whole(view.getBigUint64(at, true)) },
  { bytes: 8, read: (view, at) => whole(view.getBigInt64(at, true)) },
  { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
]

/** Bytes of a key: the format's bound. */
const longestKey = 65535
/** A key's length, one letter, a type and a byte. */
const leastEntry = 8 + 1 + 4 + 1
/**
 * Items that lists may have together: several times what the largest vocabularies need. A byte of a list becomes a
 * value of eight and more.
 */
const mostItems = 2 ** 23
/** Values that are read before the next piece is looked for. */
const run = 4096

/**
 * Reads the metadata: `count` keys with their values.
 * @throws MedAwareError `format` for a count, a length or a type that cannot be, lists beyond reason, a key twice, or
 * a text that is no UTF-8; `unsupported` for lists of lists.
 */
export async function readMetadata(cursor: Cursor, count: number): Promise<GgufMetadata> {
  const { name } = cursor.source
  cursor.checkLeft(count * leastEntry, () => `metadata of ${count} keys`)
  const metadata = new Map<string, GgufValue>()
  let left = mostItems
  for (let i = 0; i < count; i++) {
    const key = await cursor.text(() => `key ${i} of the metadata`, longestKey)
    const what = () => `metadata ${show(key)}`
    check(key !== '' && !metadata.has(key), 'format', () => {
      return `${name}: ${key === '' ? `key ${i} of the metadata is empty` : `${what()} is there twice`}`
    })
    const type = typeAt(await cursor.u32(what), name, what)
    const value = type === 'list' ? await readList(cursor, what, left) : await readValue(cursor, type, what)
    if (Array.isArray(value)) left -= value.length
    metadata.set(key, value)
  }
  return metadata
}

function typeAt(id: number, name: string, what: () => string): ValueType | 'list' {
  const type = types[id]
  check(type !== undefined, 'format', () => `${name}: ${what()} has type ${id}, ${types.length - 1} is the last`)
  return type
}

async function readValue(cursor: Cursor, { bytes, read }: ValueType, what: () => string): Promise<GgufScalar> {
  if (read === 'text') return cursor.text(what)
  await cursor.ready(bytes, what)
  return cursor.take(bytes, read)
}

async function readList(cursor: Cursor, what: () => string, most: number): Promise<readonly GgufScalar[]> {
  const type = typeAt(await cursor.u32(what), cursor.source.name, what)
  check(type !== 'list', 'unsupported', () => `${cursor.source.name}: ${what()} is a list of lists`)
  const { bytes, read } = type
  const length = await cursor.size(what)
  cursor.checkLeft(length * bytes, () => `${what()}, a list of ${length},`)
  check(length <= most, 'format', () => {
    return `${cursor.source.name}: ${what()} is a list of ${length}; lists may have ${mostItems} items together`
  })
  const values: GgufScalar[] = []
  while (values.length < length) {
    if (read === 'text') values.push(await cursor.text(() => `${what()}, item ${values.length},`))
    else {
      const some = Math.min(run, length - values.length)
      await cursor.ready(some * bytes, what)
      for (let i = 0; i < some; i++) values.push(cursor.take(bytes, read))
    }
  }
  return values
}
