import type { Shelf } from './shelf.ts'

/** What lies at a path of a page's store: a text, another path, or a file in parts. */
export type KeptRecord = { readonly text: string } | { readonly link: string } | { readonly file: KeptFile }

/** A file that is kept in parts: a browser replaces a piece whole or not at all, so that a part is never torn. */
export interface KeptFile {
  /** The folder of its parts, which are called by their numbers. */
  readonly parts: string
  /** Bytes of a part, the last of which may have fewer. */
  readonly partBytes: number
  readonly byteLength: number
  /** XXH32 of each part, as it was when it was written. */
  readonly sums: readonly number[]
}

/** The record at a path; null where there is none, or what is there is none. */
export async function readRecord(shelf: Shelf, path: string): Promise<KeptRecord | null> {
  const piece = await shelf.read(path)
  if (piece === null) return null
  try {
    const record: unknown = JSON.parse(await piece.text())
    return isRecord(record) ? record : null
  } catch {
    return null
  }
}

export async function writeRecord(shelf: Shelf, path: string, record: KeptRecord): Promise<void> {
  await shelf.write(path, JSON.stringify(record))
}

/** Where a part of a file lies. */
export function partPath({ parts }: KeptFile, part: number): string {
  return `${parts}/${part}`
}

/** Bytes that a part has. */
export function partLength({ partBytes, byteLength }: KeptFile, part: number): number {
  return Math.min(partBytes, byteLength - part * partBytes)
}

function isRecord(value: unknown): value is KeptRecord {
  if (typeof value !== 'object' || value === null) return false
  if ('text' in value) return typeof value.text === 'string'
  if ('link' in value) return typeof value.link === 'string'
  if (!('file' in value) || typeof value.file !== 'object' || value.file === null) return false
  const { parts, partBytes, byteLength, sums } = value.file as Partial<Record<keyof KeptFile, unknown>>
  const isWhole = (size: unknown): size is number => Number.isSafeInteger(size) && Number(size) >= 0
  if (typeof parts !== 'string' || !isWhole(partBytes) || !isWhole(byteLength) || !Array.isArray(sums)) return false
  return partBytes > 0 && sums.every(isWhole) && sums.length === Math.ceil(byteLength / partBytes)
}
