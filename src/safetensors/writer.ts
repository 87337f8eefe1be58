import { check } from '../core/errors.ts'
import { isJsonObject } from '../core/json.ts'
import { iterableOf, readArgument, type Rule, that } from '../core/options.ts'
import { countOf, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { bytesOf, isSafetensorsDType, layoutRank } from './dtype.ts'
import type { SafetensorsDType } from './dtype.ts'
import { maxHeaderBytes, mostDimensions, prefixBytes } from './header.ts'
import type { TensorInfo } from './header.ts'

/** What a tensor to be written is. */
export interface TensorDescription {
  readonly name: string
  readonly dtype: SafetensorsDType
  readonly shape: readonly number[]
}

/** A tensor to be written; `data` holds its elements, F16 and BF16 as bits, in any kind of view. */
export interface TensorToWrite extends TensorDescription {
  readonly data: ArrayBufferView
}

/** The start of a file, and what must follow it. */
export interface EncodedHeader {
  /** Length prefix and JSON; a multiple of 8 bytes, so that every tensor is aligned. */
  readonly bytes: Uint8Array
  /** The tensors in the order their bytes must follow. */
  readonly tensors: readonly (TensorInfo & { readonly name: string })[]
  /** Length of the whole file. */
  readonly fileBytes: number
}

/**
 * Encodes the header of a file to be written piece by piece: write `bytes`, then each of `tensors` in order. Tensors
 * are laid out as by the Rust library (descending alignment, then name), so the same tensors give the same file.
 * @throws `format` for a name twice or `__metadata__` as a name, for names and metadata that are no Unicode text and
 * for an unknown dtype, `shape` for a size that is no size.
 */
export function encodeSafetensorsHeader(
  tensors: Iterable<TensorDescription>,
  metadata?: Readonly<Record<string, string>>,
): EncodedHeader {
  const sorted = readTensors(tensors).sort(
    (a, b) => layoutRank(a.dtype) - layoutRank(b.dtype) || compare(a.name, b.name),
  )
  const names = new Set<string>()
  let offset = 0
  const laidOut = sorted.map(({ name, dtype, shape }) => {
    check(name !== '__metadata__', 'format', () => 'writeSafetensors: no tensor may be called __metadata__')
    check(isUnicode(name), 'format', () => `writeSafetensors: a tensor's name must be Unicode text, got ${show(name)}`)
    check(
      isSafetensorsDType(dtype),
      'format',
      () => `writeSafetensors: tensor ${show(name)}: unknown dtype ${show(dtype)}`,
    )
    check(!names.has(name), 'format', () => `writeSafetensors: two tensors are called ${show(name)}`)
    names.add(name)
    const begin = offset
    offset += countOf(shape) * bytesOf(dtype)
    check(
      shape.length <= mostDimensions &&
        shape.every((size) => Number.isSafeInteger(size) && size >= 0) &&
        Number.isSafeInteger(offset),
      'shape',
      () => `writeSafetensors: tensor ${show(name)} cannot have shape ${showShape(shape)}`,
    )
    return { name, dtype, shape, begin, end: offset }
  })
  const entries = laidOut.map(({ name, dtype, shape, begin, end }) => {
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const
  })
  const bytes = encodeJson(entries, metadata)
  return { bytes, tensors: laidOut, fileBytes: bytes.length + offset }
}

/**
 * Writes a whole file into memory.
 * @throws `shape` when `data` is not as long as shape and dtype say, and as `encodeSafetensorsHeader`.
 */
export function writeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const all = readTensors(tensors)
  const header = encodeSafetensorsHeader(all, metadata)
  const dataOf = new Map(all.map(({ name, data }) => [name, data]))
  const file = new Uint8Array(header.fileBytes)
  file.set(header.bytes)
  for (const tensor of header.tensors) {
    file.set(bytesFor(tensor, dataOf.get(tensor.name)), header.bytes.length + tensor.begin)
  }
  return file
}

/**
 * Yields a file piece by piece, asking `load` for one tensor's data at a time, so that a checkpoint larger than memory
 * can be written.
 * @throws as `writeSafetensors`.
 */
export async function* streamSafetensors(
  tensors: Iterable<TensorDescription>,
  load: (name: string) => Promise<ArrayBufferView>,
  metadata?: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array, void> {
  const header = encodeSafetensorsHeader(tensors, metadata)
  yield header.bytes
  for (const tensor of header.tensors) yield bytesFor(tensor, await load(tensor.name))
}

/** @throws MedAwareError `config` for what are no tensors to write. */
function readTensors<T extends TensorDescription>(tensors: Iterable<T>): T[] {
  const given: readonly unknown[] = [...readArgument('writeSafetensors', 'tensors', tensors, manyRule)]
  return given.map((tensor, i) => readArgument('writeSafetensors', `tensor ${i}`, tensor, tensorRule as Rule<T>))
}

const manyRule = iterableOf('a list of { name, dtype, shape, data }')
const tensorRule = that('{ name, dtype, shape, data }', (value): value is TensorDescription => {
  return (
    typeof value === 'object' && value !== null && 'name' in value && 'shape' in value && Array.isArray(value.shape)
  )
})
const metadataRule = that('an object of texts by name', isJsonObject)

function bytesFor(tensor: EncodedHeader['tensors'][number], data: ArrayBufferView | undefined): Uint8Array {
  const bytes = tensor.end - tensor.begin
  check(
    data?.byteLength === bytes,
    'shape',
    () =>
      `writeSafetensors: tensor ${show(tensor.name)} ${tensor.dtype} ${showShape(tensor.shape)} takes ${bytes} bytes, ` +
      `its data has ${data?.byteLength ?? 0}`,
  )
  return data === undefined ? new Uint8Array(0) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function encodeJson(
  entries: readonly (readonly [string, unknown])[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  // Joined by hand: an object would put names that look like integers first.
  const fields = entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`)
  if (metadata !== undefined) {
    readArgument('writeSafetensors', 'metadata', metadata, metadataRule)
    const pairs = Object.entries(metadata).sort(([a], [b]) => compare(a, b))
    for (const [key, value] of pairs) {
      check(isUnicode(key) && isUnicode(value), 'format', () => {
        return `writeSafetensors: metadata must map Unicode texts to Unicode texts, got ${show(key)}: ${show(value)}`
      })
    }
    const text = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')
    fields.unshift(`"__metadata__":{${text}}`)
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`)
  const length = Math.ceil(json.length / 8) * 8
  check(
    length <= maxHeaderBytes,
    'format',
    () => `writeSafetensors: header of ${length} bytes is over the limit of ${maxHeaderBytes}`,
  )
  const bytes = new Uint8Array(prefixBytes + length).fill(0x20)
  bytes.set(json, prefixBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  return bytes
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Text that UTF-8 can spell: a lone surrogate would make a file that no reader takes. */
function isUnicode(text: unknown): boolean {
  return typeof text === 'string' && !/\p{Surrogate}/u.test(text)
}
