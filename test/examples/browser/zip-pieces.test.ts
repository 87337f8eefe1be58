import { unzipSync } from 'fflate'
import { expect, it } from 'vitest'
import { piecesOf, zipPieces } from '../../../examples/browser/hand-out/zip-pieces.ts'

it('makes an archive of files in pieces, whose parts are small', async () => {
  const large = Uint8Array.from({ length: 9_000_000 }, (_, i) => (i * 31) >> 3)
  const files = new Map([
    ['a.bin', large],
    ['empty.txt', new Uint8Array(0)],
    ['b.txt', new TextEncoder().encode('text')],
  ])
  const parts: Uint8Array[] = []
  for await (const part of zipPieces('folder', piecesOf(files))) parts.push(part)
  expect(parts.length).toBeGreaterThan(3)
  expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(4 << 20)
  const opened = Object.entries(unzipSync(new Uint8Array(Buffer.concat(parts))))
  expect(opened.map(([name]) => name)).toEqual([...files.keys()].map((name) => `folder/${name}`))
  for (const [name, file] of opened) {
    expect(Buffer.compare(file, files.get(name.replace('folder/', '')) ?? Buffer.of(0)), name).toBe(0)
  }
})
