import path from 'node:path'
import { withBlock } from '../../platforms/marked-block.ts'
import type { EntrySize } from './entry-size.ts'
import type { Weight } from './page-bundle.ts'
import type { PageSize } from './page-size.ts'

/** What was measured last, which is what the next measurement may be off by a little. */
export interface SizeRecord {
  readonly package: {
    /** The tarball, which is what is downloaded. */
    readonly tarball: number
    readonly unpacked: number
    /** With all that it depends on. */
    readonly installed: number
  }
  /** A page that opens a device, loads a model and generates. */
  readonly page: PageSize
  readonly entries: readonly EntrySize[]
  /** Bytes at once of each entry's parts, bundled from the sources. */
  readonly parts: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const docs = path.resolve(import.meta.dirname, '../../../docs')

export const sizeFile = path.join(docs, 'platforms/sizes.json')
export const sizePage = path.join(docs, 'guides/size.md')

/** How far a size may be from the recorded one before it is to be recorded anew. */
const air = 0.03

/** What a page may load at once before it has chosen an engine, in bytes. */
export const mostAtStart = 296 * 1024

/**
 * Sizes that are further than `air` from the recorded ones, each with the parts that changed; and a page that starts
 * with more than it may. None: all is well.
 */
export function strayed(record: SizeRecord, now: SizeRecord): string[] {
  const off = (name: string, was: number, is: number): string[] => {
    if (Math.abs(is - was) <= air * was) return []
    const entry = name.split(',')[0] ?? name
    const change = is > was ? 'grew' : 'shrank'
    return [`${name} ${change} from ${was} to ${is} bytes${changedParts(record.parts[entry], now.parts[entry])}`]
  }
  const entries = now.entries.flatMap(({ entry, start, all }) => {
    const was = record.entries.find((each) => each.entry === entry)
    if (was === undefined) return [`${entry} has no recorded size`]
    return [
      ...off(`${entry}, at once`, was.start.bytes, start.bytes),
      ...off(`${entry}, all`, was.all.bytes, all.bytes),
    ]
  })
  const page = (['start', 'onHardware', 'onCpu'] as const).flatMap((part) => {
    return off(`page, ${part}`, record.page[part].bytes, now.page[part].bytes)
  })
  const packed = (['tarball', 'unpacked', 'installed'] as const).flatMap((part) => {
    return off(`package, ${part}`, record.package[part], now.package[part])
  })
  const { bytes } = now.page.start
  const tooMuch = bytes > mostAtStart ? [`a page starts with ${bytes} bytes, over ${mostAtStart}`] : []
  return [...tooMuch, ...page, ...entries, ...packed]
}

function changedParts(was: Readonly<Record<string, number>> = {}, is: Readonly<Record<string, number>> = {}): string {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])]
  const changes = names.map((name) => ({ name, by: (is[name] ?? 0) - (was[name] ?? 0) }))
  const largest = changes.filter(({ by }) => Math.abs(by) >= 100).sort((a, b) => Math.abs(b.by) - Math.abs(a.by))
  const words = largest.slice(0, 5).map(({ name, by }) => `${name} ${by > 0 ? '+' : ''}${by}`)
  return words.length === 0 ? '' : `: ${words.join(', ')}`
}

/** The page with the record's tables. @throws Error where it has no place for them. */
export const withSizes = (page: string, record: SizeRecord): Promise<string> => {
  return withBlock(page, 'sizes', tables(record))
}

/** The record as two tables, in kB of 1000 bytes. */
function tables({ entries, page, package: { tarball, unpacked, installed } }: SizeRecord): string {
  const kB = (bytes: number) => (bytes / 1000).toFixed(0)
  const cells = ({ bytes, gzip, brotli }: Weight) => [bytes, gzip, ...(brotli === undefined ? [] : [brotli])].map(kB)
  const line = (all: readonly string[]) => `| ${all.join(' | ')} |`
  return [
    line(['a page that loads a model and generates, kB', 'minified', 'gzip', 'brotli']),
    line(['---', '---:', '---:', '---:']),
    line(['at once', ...cells(page.start)]),
    line(['with the kernels for a GPU', ...cells(page.onHardware), '']),
    line(['with the CPU engine instead', ...cells(page.onCpu), '']),
    '',
    line(['all of an entry, kB', 'at once', 'gzip', 'brotli', 'with what loads by need', 'gzip']),
    line(['---', ...Array<string>(5).fill('---:')]),
    ...entries.map(({ entry, start, all }) => line([`\`${entry}\``, ...cells(start), ...cells(all)])),
    '',
    `The tarball has ${(tarball / 1e6).toFixed(1)} MB, unpacked ${(unpacked / 1e6).toFixed(1)} MB, and ` +
      `${(installed / 1e6).toFixed(1)} MB with all that it depends on.`,
  ].join('\n')
}
