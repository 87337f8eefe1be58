import { check } from '../core/errors.ts'
import { readArgument } from '../core/options.ts'
import { show } from '../core/show.ts'
import { bytesOf, type TensorData } from './dtype.ts'
import { toF32, viewAs } from './elements.ts'
import { headerLength, parseHeader, prefixBytes } from './header.ts'
import type { TensorInfo } from './header.ts'
import { type ByteSource, sourceRule } from './source.ts'

/** A run of a tensor's elements in its own order. */
export interface TensorPart {
  readonly begin: number
  /** Exclusive. */
  readonly end: number
  /** Memory that may be read into; what is given back may be a view of it. */
  readonly into?: Uint8Array
}

/** Tensors by name, from one file or from many. */
export interface TensorReader {
  /** In the order of their bytes. */
  readonly names: readonly string[]
  /** The header's `__metadata__`, empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>
  has(name: string): boolean
  /** @throws `not-found` for a name that is not there, as do the readers below. */
  info(name: string): TensorInfo
  /** The tensor's bytes, little-endian; may be a view of memory the source keeps, so do not write to them. */
  readBytes(name: string): Promise<Uint8Array>
  /** The tensor as float32: exact from F16, BF16 and small integers, else rounded to nearest; BOOL as 0 and 1. */
  readF32(name: string): Promise<Float32Array>
  /**
   * The tensor or a part of it in its own dtype; may be a view, as `readBytes`. @throws `format` for a part it does not
   * have.
   */
  read(name: string, part?: TensorPart): Promise<TensorData>
  close(): Promise<void>
}

export type SafetensorsFile = TensorReader

/**
 * Opens a safetensors file: reads and checks its header, and no tensor yet.
 * @throws `format` for a file that is truncated or lies about itself, `unsupported` for a dtype such as F8_E4M3,
 * `config` for what is no source.
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { name: who, byteLength } = readArgument('openSafetensors', 'source', source, sourceRule)
  const prefix = await source.read(0, Math.min(prefixBytes, byteLength))
  const dataBegin = prefixBytes + headerLength(who, prefix, byteLength)
  const json = await source.read(prefixBytes, dataBegin)
  const { tensors, metadata } = parseHeader(who, json, byteLength - dataBegin)

  const readExactly = async (name: string, begin: number, end: number, into?: Uint8Array): Promise<Uint8Array> => {
    const bytes = await source.read(dataBegin + begin, dataBegin + end, into)
    check(
      bytes.length === end - begin,
      'format',
      () => `${who}: tensor ${show(name)} has ${end - begin} bytes, only ${bytes.length} could be read`,
    )
    return bytes
  }
  const file: SafetensorsFile = {
    names: [...tensors.keys()],
    metadata,
    has: (name) => tensors.has(name),
    info(name) {
      const info = tensors.get(name)
      check(info !== undefined, 'not-found', () => `${who}: no tensor ${show(name)} among its ${tensors.size}`)
      return info
    },
    async readBytes(name) {
      const { begin, end } = file.info(name)
      return readExactly(name, begin, end)
    },
    async readF32(name) {
      return toF32(await file.read(name), file.info(name).dtype)
    },
    async read(name, part) {
      const { begin, end, dtype } = file.info(name)
      if (part === undefined) return viewAs(await readExactly(name, begin, end), dtype)
      const size = bytesOf(dtype)
      const [from, to] = [begin + part.begin * size, begin + part.end * size]
      const isThere =
        begin <= from && from <= to && to <= end && Number.isInteger(part.begin) && Number.isInteger(part.end)
      check(isThere, 'format', () => {
        return `${who}: tensor ${show(name)} has ${(end - begin) / size} elements, not those from ${part.begin} to ${part.end}`
      })
      return viewAs(await readExactly(name, from, to, part.into), dtype)
    },
    async close() {
      await source.close?.()
    },
  }
  return file
}
