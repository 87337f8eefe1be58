import type { FilePiece } from 'peft-medaware'
import { Zip, ZipPassThrough } from 'fflate'

/** From here on an archive would need a form that not every program reads. */
const mostBytes = 2 ** 32 - 2 ** 20

/**
 * An archive of files that come in pieces, itself in pieces: stored as they are, since weights are as small as can be.
 * @param folder Theirs in the archive. @throws Error for more than 4 GB.
 */
export async function* zipPieces(
  folder: string,
  pieces: AsyncIterable<FilePiece> | Iterable<FilePiece>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const made: Uint8Array<ArrayBuffer>[] = []
  const zip = new Zip((error, bytes) => {
    if (error !== null) throw error
    made.push(new Uint8Array(bytes))
  })
  let [name, left, entry] = ['', 0, new ZipPassThrough('')]
  let total = 0
  for await (const { name: now, byteLength, bytes } of pieces) {
    if (now !== name) {
      ;[name, left, entry] = [now, byteLength, new ZipPassThrough(`${folder}/${now}`)]
      zip.add(entry)
    }
    total += bytes.length
    if (total > mostBytes) throw new Error('The model is too large for an archive; take it as GGUF')
    left -= bytes.length
    entry.push(bytes, left === 0)
    yield* made.splice(0)
  }
  zip.end()
  yield* made.splice(0)
}

/** Files that are there whole, as pieces that hold nobody up. */
export function* piecesOf(files: ReadonlyMap<string, Uint8Array>): Generator<FilePiece> {
  const most = 4 << 20
  for (const [name, file] of files) {
    const byteLength = file.length
    for (let at = 0; at === 0 || at < byteLength; at += most)
      yield { name, byteLength, bytes: file.subarray(at, at + most) }
  }
}
