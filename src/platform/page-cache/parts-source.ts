import { xxh32 } from '../../core/checksum.ts'
import { MedAwareError } from '../../core/errors.ts'
import { type ByteSource, bytesFor, checkRange } from '../../safetensors/source.ts'
import { type KeptFile, partLength, partPath } from './record.ts'
import type { Shelf } from './shelf.ts'

/** Parts whose bytes are read when a file is opened; a larger file's first, its last, and others between. */
const mostChecked = 4

/**
 * A file in parts. Its parts must be there with the bytes they had; that these are the same is checked here, of a file
 * of up to 4 parts (64 MiB) whole, of a larger one by its first part, its last, and two others that chance picks.
 * @throws MedAwareError `format` for a file that is not as it was written.
 */
export async function openParts(shelf: Shelf, name: string, file: KeptFile): Promise<ByteSource> {
  const { partBytes, byteLength, sums } = file
  const damage = (part: number, what: string) =>
    new MedAwareError('format', `${shelf.name}: ${name} is damaged, part ${part + 1} of ${sums.length} ${what}`)
  const parts = await Promise.all(
    sums.map(async (_, part) => {
      const piece = await shelf.read(partPath(file, part))
      if (piece === null) throw damage(part, 'is missing')
      if (piece.size === partLength(file, part)) return piece
      throw damage(part, `has ${piece.size} bytes in place of ${partLength(file, part)}`)
    }),
  )
  const read = async (part: number, begin = 0, end = partLength(file, part)): Promise<Uint8Array> =>
    new Uint8Array((await parts[part]?.slice(begin, end).arrayBuffer()) ?? [])
  for (const part of picked(parts.length)) {
    if (xxh32(await read(part)) !== sums[part]) throw damage(part, 'has another checksum than when it was written')
  }
  return {
    name,
    byteLength,
    async read(begin, end, into) {
      checkRange(name, begin, end, byteLength)
      const first = Math.floor(begin / partBytes)
      const start = first * partBytes
      if (end <= start + partBytes) return read(first, begin - start, end - start)
      const bytes = into?.subarray(0, end - begin) ?? bytesFor(name, end - begin)
      for (let at = begin; at < end;) {
        const part = Math.floor(at / partBytes)
        const piece = await read(part, at - part * partBytes, Math.min(end - part * partBytes, partBytes))
        bytes.set(piece, at - begin)
        at += piece.length
      }
      return bytes
    },
  }
}

function picked(count: number): number[] {
  const all = Array.from({ length: count }, (_, part) => part)
  if (count <= mostChecked) return all
  const between = all.slice(1, -1)
  const chosen = [0, count - 1]
  while (chosen.length < mostChecked) {
    chosen.push(...between.splice(Math.floor(Math.random() * between.length), 1))
  }
  return chosen
}
