import { readFileSync, writeFileSync } from 'node:fs'
import type { Packed } from '../pack.ts'
import { entrySize, partsAtOnce } from './entry-size.ts'
import { pageSize } from './page-size.ts'
import { type SizeRecord, sizeFile, sizePage, strayed, withSizes } from './size-record.ts'

/**
 * Sizes of the package that is installed in the folder `from`.
 * @param tarballs The package's, and those of what it depends on.
 * @param entries What can be imported.
 */
export async function measureSizes(
  tarballs: readonly Packed[],
  entries: readonly string[],
  from: string,
): Promise<SizeRecord> {
  const [own] = tarballs
  const { start, onHardware, onCpu } = await pageSize(from)
  const parts = await Promise.all(entries.map(async (entry) => [entry, await partsAtOnce(entry)] as const))
  return {
    package: {
      tarball: own?.size ?? 0,
      unpacked: own?.unpackedSize ?? 0,
      installed: tarballs.reduce((sum, { unpackedSize }) => sum + unpackedSize, 0),
    },
    page: { start, onHardware, onCpu },
    entries: await Promise.all(entries.map((entry) => entrySize(entry, from))),
    parts: Object.fromEntries(parts),
  }
}

/** @returns Lines that tell the sizes. @throws Error with what is too far from the recorded sizes. */
export function compareSizes(now: SizeRecord): string {
  const off = strayed(JSON.parse(readFileSync(sizeFile, 'utf8')) as SizeRecord, now)
  if (off.length > 0) throw new Error([...off, 'if it is to be so, `npm run sizes` records it'].join('\n      '))
  const kB = (bytes: number) => (bytes / 1000).toFixed(0).padStart(6)
  const lines = now.entries.map(({ entry, start, all }) => {
    return `      ${entry.padEnd(26)}${[start.bytes, start.gzip, all.bytes, all.gzip].map(kB).join('')}`
  })
  return ['kB at once, the same gzipped, in all, the same gzipped', ...lines].join('\n')
}

/** Records sizes, and writes the page that tells them. */
export async function recordSizes(now: SizeRecord): Promise<void> {
  writeFileSync(sizeFile, `${JSON.stringify(now, null, 2)}\n`)
  writeFileSync(sizePage, await withSizes(readFileSync(sizePage, 'utf8'), now))
}
