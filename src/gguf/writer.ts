import { check } from '../core/errors.ts'
import { countOf, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { ByteWriter } from './byte-writer.ts'
import { longestName, magic, mostDimensions } from './header.ts'
import type { GgufMetadata, GgufScalar, GgufValue } from './metadata.ts'
import { type GgufTypeName, typeNamed } from './types.ts'

/** A key of the metadata. */
export interface GgufEntry {
  readonly key: string
  /** Of the value, or of a list's items. */
  readonly type: keyof typeof valueTypes
  readonly value: GgufValue
}

/** A tensor that is to be written. */
export interface GgufTensorToWrite {
  readonly name: string
  readonly type: GgufTypeName
  /** Rows first. */
  readonly shape: readonly number[]
}

/** The start of a file, and what must follow it. */
export interface EncodedGguf {
  /** A multiple of the alignment. */
  readonly bytes: Uint8Array
  /** The tensors with the bytes that each takes; zeros follow it up to the alignment. */
  readonly tensors: readonly (GgufTensorToWrite & { readonly bytes: number })[]
  /** Length of the whole file. */
  readonly fileBytes: number
}

/** The format's own, where the metadata says nothing. */
const alignment = 32
const list = 9

/** Types of values by name: their numbers in files (gguf.h, `gguf_type`), and how they are written. */
const valueTypes = {
  uint32: { id: 4, write: (to: ByteWriter, value: GgufScalar) => to.u32(Number(value)) },
  int32: {
    id: 5,
    write: (to: ByteWriter, value: GgufScalar) => to.put(4, (view, at) => view.setInt32(at, Number(value), true)),
  },
  float32: {
    id: 6,
    write: (to: ByteWriter, value: GgufScalar) => to.put(4, (view, at) => view.setFloat32(at, Number(value), true)),
  },
  bool: {
    id: 7,
    write: (to: ByteWriter, value: GgufScalar) => to.put(1, (view, at) => view.setUint8(at, value === true ? 1 : 0)),
  },
  string: { id: 8, write: (to: ByteWriter, value: GgufScalar) => to.text(String(value)) },
} as const

/**
 * Encodes the header of a GGUF file, version 3, in the order that is given.
 * @throws MedAwareError `format` for a name or a key twice, a name of more than 64 bytes, or a shape that no tensor
 * has.
 */
export function encodeGgufHeader(metadata: readonly GgufEntry[], tensors: readonly GgufTensorToWrite[]): EncodedGguf {
  const to = new ByteWriter()
  to.u32(magic)
  to.u32(3)
  to.size(tensors.length)
  to.size(metadata.length)
  const seen = new Set<string>()
  const once = (what: string, name: string) => {
    const own = `${what} ${show(name)}`
    check(!seen.has(own), 'format', () => `writeGguf: ${own} is there twice`)
    seen.add(own)
  }
  for (const entry of metadata) {
    once('key', entry.key)
    writeEntry(to, entry)
  }
  let offset = 0
  const laidOut = tensors.map((tensor) => {
    once('tensor', tensor.name)
    const bytes = bytesOf(tensor)
    to.text(tensor.name)
    to.u32(tensor.shape.length)
    for (const size of [...tensor.shape].reverse()) to.size(size)
    to.u32(typeNamed(tensor.type).id)
    to.size(offset)
    offset += aligned(bytes)
    return { ...tensor, bytes }
  })
  to.align(alignment)
  return { bytes: to.bytes, tensors: laidOut, fileBytes: to.length + offset }
}

/**
 * Yields a file piece by piece, asking `load` for one tensor's data at a time.
 * @throws MedAwareError `shape` where data is not as long as its type and shape say.
 */
export async function* streamGguf(
  { bytes: header, tensors }: EncodedGguf,
  load: (name: string) => Promise<ArrayBufferView>,
): AsyncGenerator<Uint8Array, void> {
  yield header
  for (const { name, type, shape, bytes } of tensors) {
    const data = await load(name)
    check(data.byteLength === bytes, 'shape', () => {
      return `writeGguf: tensor ${show(name)} ${type} ${showShape(shape)} takes ${bytes} bytes, its data has ${data.byteLength}`
    })
    yield new Uint8Array(data.buffer, data.byteOffset, bytes)
    if (aligned(bytes) > bytes) yield new Uint8Array(aligned(bytes) - bytes)
  }
}

/** What a reader has of keys: floats are of 32 bits. */
export function readBack(entries: readonly GgufEntry[]): GgufMetadata {
  return new Map(
    entries.map(({ key, type, value }) => {
      const isFloat = type === 'float32' && typeof value === 'number'
      return [key, isFloat ? Math.fround(value) : value]
    }),
  )
}

function writeEntry(to: ByteWriter, { key, type, value }: GgufEntry): void {
  const { id, write } = valueTypes[type]
  to.text(key)
  if (typeof value === 'object') {
    to.u32(list)
    to.u32(id)
    to.size(value.length)
    for (const item of value) write(to, item)
  } else {
    to.u32(id)
    write(to, value)
  }
}

function bytesOf({ name, type, shape }: GgufTensorToWrite): number {
  const { elements, bytes } = typeNamed(type).type
  check(new TextEncoder().encode(name).length <= longestName, 'format', () => {
    return `writeGguf: the name ${show(name)} has more than ${longestName} bytes`
  })
  const isShape = shape.length >= 1 && shape.length <= mostDimensions && shape.every((size) => size > 0)
  check(isShape && (shape.at(-1) ?? 0) % elements === 0, 'format', () => {
    return `writeGguf: tensor ${show(name)} ${type} cannot have shape ${showShape(shape)}`
  })
  return (countOf(shape) / elements) * bytes
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}
