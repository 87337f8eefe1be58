import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { bytesOf, isSafetensorsDType, isUnsupportedDType } from './dtype.ts'
import type { SafetensorsDType } from './dtype.ts'
import { JsonScanner } from './json.ts'

/** Where a tensor lies and what it is. */
export interface TensorInfo {
  readonly dtype: SafetensorsDType
  readonly shape: readonly number[]
  /** First byte of the tensor, counted from the end of the header. */
  readonly begin: number
  /** One past its last byte. */
  readonly end: number
  /** The blocks in which a file of another format has what is read as `dtype`, such as 'Q4_K'. Default: none. */
  readonly storedAs?: string
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
 * Dimensions that a tensor may have: far more than any library's (NumPy's 64), far fewer than a header has room for.
 */
export const mostDimensions = 1024

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
  const scanner = new JsonScanner(`${who}: header`, json)
  check(scanner.isAt('{'), 'format', () => `${who}: header: must be a JSON object`)
  const tensors: (readonly [string, TensorInfo])[] = []
  let metadata: Readonly<Record<string, string>> = {}
  scanner.object((name) => {
    if (name === '__metadata__') metadata = readMetadata(who, scanner)
    else tensors.push([name, readTensor(() => `${who}: tensor ${show(name)}`, scanner)])
  })
  scanner.end()
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let end = 0
  for (const [name, { begin, end: next }] of tensors) {
    check(begin === end, 'format', () => {
      return `${who}: tensor ${show(name)} begins at byte ${begin}, must begin at ${end} where the one before it ends`
    })
    end = next
  }
  check(
    end === dataBytes,
    'format',
    () => `${who}: tensors take ${end} bytes, the file has ${dataBytes} after its header; is it truncated?`,
  )
  return { tensors: new Map(tensors), metadata }
}

function readTensor(who: () => string, scanner: JsonScanner): TensorInfo {
  check(scanner.isAt('{'), 'format', () => `${who()}: must be an object with dtype, shape and data_offsets`)
  let dtype: SafetensorsDType | undefined
  let shape: readonly number[] | undefined
  let offsets: readonly number[] | undefined
  scanner.object((field) => {
    if (field === 'dtype') dtype = readDType(who, scanner)
    else if (field === 'shape') {
      shape = scanner.sizes(mostDimensions)
      check(shape !== undefined, 'format', () => {
        return `${who()}: shape must be a list of at most ${mostDimensions} sizes, got ${scanner.skip()}`
      })
    } else if (field === 'data_offsets') {
      offsets = readOffsets(who, scanner)
    } else scanner.skip()
  })
  check(dtype !== undefined, 'format', () => `${who()}: dtype is missing`)
  check(shape !== undefined, 'format', () => `${who()}: shape is missing`)
  check(offsets !== undefined, 'format', () => `${who()}: data_offsets are missing`)
  return tensorInfo(who, dtype, shape, offsets)
}

function readDType(who: () => string, scanner: JsonScanner): SafetensorsDType {
  const dtype = scanner.isAt('"') ? scanner.string() : undefined
  check(!isUnsupportedDType(dtype), 'unsupported', () => `${who()}: dtype ${String(dtype)} cannot be read`)
  check(isSafetensorsDType(dtype), 'format', () => {
    return `${who()}: unknown dtype ${dtype === undefined ? scanner.skip() : show(dtype)}`
  })
  return dtype
}

function readOffsets(who: () => string, scanner: JsonScanner): readonly number[] {
  const offsets = scanner.sizes(2)
  check(offsets?.length === 2 && offsets.every(Number.isSafeInteger), 'format', () => {
    return `${who()}: data_offsets must be two byte positions, got ${offsets ? show(offsets) : scanner.skip()}`
  })
  return offsets
}

function tensorInfo(
  who: () => string,
  dtype: SafetensorsDType,
  shape: readonly number[],
  [begin = 0, end = 0]: readonly number[],
): TensorInfo {
  // Each partial product is checked: past 2^53 a later zero or rounding could hide that it is wrong.
  const bytes = [...shape, bytesOf(dtype)].reduce((product, size) => {
    const next = product * size
    check(
      Number.isSafeInteger(size) && Number.isSafeInteger(next),
      'format',
      () => `${who()}: shape ${showShape(shape)} overflows`,
    )
    return next
  }, 1)
  check(end - begin === bytes, 'format', () => {
    return `${who()}: ${dtype} ${showShape(shape)} takes ${bytes} bytes, data_offsets [${begin}, ${end}] hold ${end - begin}`
  })
  return { dtype, shape, begin, end }
}

function readMetadata(who: string, scanner: JsonScanner): Readonly<Record<string, string>> {
  if (scanner.isAt('n')) {
    scanner.skip()
    return {}
  }
  const mustMap = (): string => `${who}: __metadata__ must map strings to strings`
  check(scanner.isAt('{'), 'format', mustMap)
  const pairs: [string, string][] = []
  scanner.object((key) => {
    check(scanner.isAt('"'), 'format', mustMap)
    pairs.push([key, scanner.string()])
  })
  // Defines what it is given, `__proto__` included.
  return Object.fromEntries(pairs)
}
