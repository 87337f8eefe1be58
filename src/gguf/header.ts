import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { maxHeaderBytes } from '../safetensors/header.ts'
import type { ByteSource } from '../safetensors/source.ts'
import { Cursor } from './cursor.ts'
import { type GgufMetadata, readMetadata } from './metadata.ts'
import { type GgufType, typeOf } from './types.ts'

/** Where a tensor lies and what it is. */
export interface GgufTensor {
  readonly type: GgufType
  /** Rows first, as everywhere here; the file has them in the other order. */
  readonly shape: readonly number[]
  /** First byte of the tensor, counted from where tensors begin. */
  readonly begin: number
  /** One past its last byte. */
  readonly end: number
}

/** What a valid header says. */
export interface GgufHeader {
  readonly version: number
  readonly metadata: GgufMetadata
  /** By name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, GgufTensor>
  /** Where tensors begin in the file. */
  readonly dataBegin: number
}

/** The letters that a file begins with. */
export const magic = 0x46554747
const versions: readonly number[] = [2, 3]
/** ggml's bounds: of dimensions, and of a tensor's name in bytes. */
export const mostDimensions = 4
export const longestName = 64
/** A name's length, a letter, the number of dimensions, a type and an offset. */
const leastTensor = 8 + 1 + 4 + 4 + 8
const mostAlignment = 65536

/**
 * Reads and checks a GGUF file's header, as strictly as safetensors': tensors must lie behind one another, with no more
 * between them than their alignment asks for. Counts and lengths are held against the file before anything is made of
 * them.
 * @throws MedAwareError `format` for a file that is truncated or lies about itself; `unsupported` for another version,
 * big-endian numbers, and types of tensors that are not read.
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const { name: who } = source
  const cursor = new Cursor(source, maxHeaderBytes)
  const first = await cursor.u32(() => 'the beginning of a GGUF file')
  check(first === magic, 'format', () => `${who}: does not begin with GGUF; is this a GGUF file?`)
  const version = await cursor.u32(() => 'the version')
  check(
    (version & 0xffff) !== 0,
    'unsupported',
    () => `${who}: its numbers are big-endian; little-endian ones are read`,
  )
  check(versions.includes(version), 'unsupported', () => `${who}: GGUF version ${version}; 2 and 3 are read`)
  const tensorCount = await cursor.size(() => 'the number of tensors')
  const keyCount = await cursor.size(() => 'the number of keys')
  cursor.checkLeft(tensorCount * leastTensor, () => `a list of ${tensorCount} tensors`)
  const metadata = await readMetadata(cursor, keyCount)
  const alignment = alignmentOf(metadata, who)
  const tensors: (readonly [string, GgufTensor])[] = []
  const names = new Set<string>()
  cursor.checkLeft(tensorCount * leastTensor, () => `a list of ${tensorCount} tensors`)
  for (let i = 0; i < tensorCount; i++) {
    const name = await cursor.text(() => `the name of tensor ${i}`, longestName)
    check(!names.has(name), 'format', () => `${who}: two tensors are called ${show(name)}`)
    names.add(name)
    tensors.push([name, await readTensor(cursor, () => `${who}: tensor ${show(name)}`)])
  }
  const dataBegin = aligned(cursor.position, alignment)
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  checkLayout(who, tensors, alignment, source.byteLength - dataBegin)
  return { version, metadata, tensors: new Map(tensors), dataBegin }
}

/** `general.alignment`, 32 where it is not told. */
function alignmentOf(metadata: GgufMetadata, who: string): number {
  const alignment = metadata.get('general.alignment') ?? 32
  const isOne = typeof alignment === 'number' && alignment >= 1 && alignment <= mostAlignment
  check(isOne && Number.isInteger(Math.log2(alignment)), 'format', () => {
    return `${who}: general.alignment must be a power of two up to ${mostAlignment}, got ${show(alignment)}`
  })
  return alignment
}

function aligned(at: number, alignment: number): number {
  return Math.ceil(at / alignment) * alignment
}

async function readTensor(cursor: Cursor, who: () => string): Promise<GgufTensor> {
  const what = () => `${who()}: what follows its name`
  const dimensions = await cursor.u32(what)
  check(dimensions >= 1 && dimensions <= mostDimensions, 'format', () => {
    return `${who()}: has ${dimensions} dimensions, 1 to ${mostDimensions} are possible`
  })
  const shape: number[] = []
  for (let i = 0; i < dimensions; i++) shape.unshift(await cursor.size(what))
  const type = typeOf(await cursor.u32(what), who)
  const begin = await cursor.size(what)
  // Each partial product is checked: past 2^53 a later zero or rounding could hide that it is wrong.
  const count = shape.reduce((product, size) => {
    const next = product * size
    check(Number.isSafeInteger(size) && Number.isSafeInteger(next * type.bytes), 'format', () => {
      return `${who()}: shape ${showShape(shape)} overflows`
    })
    return next
  }, 1)
  const columns = shape.at(-1) ?? 0
  check(columns % type.elements === 0, 'format', () => {
    return `${who()}: rows of ${columns} are not made of ${type.name}'s blocks of ${type.elements}`
  })
  return { type, shape, begin, end: begin + (count / type.elements) * type.bytes }
}

function checkLayout(
  who: string,
  tensors: readonly (readonly [string, GgufTensor])[],
  alignment: number,
  dataBytes: number,
): void {
  let end = 0
  for (const [name, tensor] of tensors) {
    const must = aligned(end, alignment)
    check(tensor.begin === must, 'format', () => {
      return `${who}: tensor ${show(name)} begins at byte ${tensor.begin}, must begin at ${must} where the one before it ends`
    })
    end = tensor.end
  }
  check(end <= dataBytes, 'format', () => {
    return `${who}: tensors take ${end} bytes, the file has ${Math.max(0, dataBytes)} after its header; is it truncated?`
  })
  check(dataBytes <= aligned(end, alignment), 'format', () => {
    return `${who}: ${dataBytes - end} bytes follow the last tensor`
  })
}
