import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { bytesOf, isSafetensorsDType, isUnsupportedDType } from './dtype.ts'
import type { SafetensorsDType } from './dtype.ts'
import { isObject, parseJsonObject } from './json.ts'

/** Where a tensor lies and what it is. */
export interface TensorInfo {
  readonly dtype: SafetensorsDType
  readonly shape: readonly number[]
  /** First byte of the tensor, counted from the end of the header. */
  readonly begin: number
  /** One past its last byte. */
  readonly end: number
}

/** What a valid header says. */
export interface SafetensorsHeader {
  /** By name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly metadata: Readonly<Record<string, string>>
}

/** Bytes before the JSON: its length as a little-endian u64. */
export const prefixBytes = 8

/** The Rust library's cap on a header (safetensors/src/tensor.rs, `MAX_HEADER_SIZE`), in bytes. */
export const maxHeaderBytes = 100_000_000

/**
 * Reads the header's length from the first 8 bytes of a file of `fileBytes` bytes.
 * @throws `format` when it is over the cap or over the file's end.
 */
export function headerLength(who: string, prefix: Uint8Array, fileBytes: number): number {
  check(
    prefix.length >= prefixBytes && fileBytes >= prefixBytes,
    'format',
    () => `${who}: a safetensors file has at least ${prefixBytes} bytes, this one has ${fileBytes}`,
  )
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes)
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true)
  check(
    length <= maxHeaderBytes,
    'format',
    () => `${who}: header of ${length} bytes is over the limit of ${maxHeaderBytes}; is this a safetensors file?`,
  )
  check(
    prefixBytes + length <= fileBytes,
    'format',
    () => `${who}: header of ${length} bytes does not fit a file of ${fileBytes} bytes`,
  )
  return length
}

/**
 * Parses and checks a header's JSON as strictly as the Rust library: the tensors must tile the `dataBytes` bytes after
 * the header without hole or overlap, each as long as its shape and dtype say.
 * @throws `format` for a header that lies, `unsupported` for a dtype such as F8_E4M3.
 */
export function parseHeader(who: string, json: Uint8Array, dataBytes: number): SafetensorsHeader {
  const { __metadata__: metadata = {}, ...entries } = parseJsonObject(`${who}: header`, json)
  const tensors = Object.entries(entries).map(([name, entry]) => {
    check(
      !/\p{Surrogate}/u.test(name),
      'format',
      () => `${who}: tensor name ${JSON.stringify(name)} is not valid Unicode`,
    )
    return [name, parseTensor(`${who}: tensor "${name}"`, entry)] as const
  })
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let end = 0
  for (const [name, info] of tensors) {
    check(
      info.begin === end,
      'format',
      () => `${who}: tensor "${name}" begins at byte ${info.begin}, must begin at ${end} where the one before it ends`,
    )
    end = info.end
  }
  check(
    end === dataBytes,
    'format',
    () => `${who}: tensors take ${end} bytes, the file has ${dataBytes} after its header; is it truncated?`,
  )
  return { tensors: new Map(tensors), metadata: parseMetadata(who, metadata) }
}

function parseTensor(who: string, entry: unknown): TensorInfo {
  check(isObject(entry), 'format', () => `${who}: must be an object with dtype, shape and data_offsets`)
  const { dtype, shape, data_offsets: offsets } = entry
  check(!isUnsupportedDType(dtype), 'unsupported', () => `${who}: dtype ${String(dtype)} cannot be read`)
  check(isSafetensorsDType(dtype), 'format', () => `${who}: unknown dtype ${JSON.stringify(dtype)}`)
  check(isSizes(shape), 'format', () => `${who}: shape must be a list of sizes, got ${JSON.stringify(shape)}`)
  check(
    isSizes(offsets) && offsets.length === 2 && offsets.every(Number.isSafeInteger),
    'format',
    () => `${who}: data_offsets must be two byte positions, got ${JSON.stringify(offsets)}`,
  )
  const [begin = 0, end = 0] = offsets
  // Each partial product is checked: past 2^53 a later zero or rounding could hide that it is wrong.
  const bytes = [...shape, bytesOf(dtype)].reduce((product, size) => {
    const next = product * size
    check(
      Number.isSafeInteger(size) && Number.isSafeInteger(next),
      'format',
      () => `${who}: shape ${showShape(shape)} overflows`,
    )
    return next
  }, 1)
  check(
    end - begin === bytes,
    'format',
    () =>
      `${who}: ${dtype} ${showShape(shape)} takes ${bytes} bytes, data_offsets [${begin}, ${end}] hold ${end - begin}`,
  )
  return { dtype, shape, begin, end }
}

function parseMetadata(who: string, metadata: unknown): Readonly<Record<string, string>> {
  check(isStrings(metadata), 'format', () => `${who}: __metadata__ must map strings to strings`)
  return metadata
}

function isStrings(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string')
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isInteger(size) && size >= 0)
}
