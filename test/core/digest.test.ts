import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { Digest } from '../../src/core/digest.ts'

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * i * 31) >> 3)

it.each(['sha1', 'sha256'] as const)(
  "%s is that of Node's crypto, at every length and in pieces of any size",
  (kind) => {
    const wanted = (length: number) => createHash(kind).update(bytes.subarray(0, length)).digest('hex')
    for (let length = 0; length <= 200; length++) {
      expect(new Digest(kind).update(bytes.subarray(0, length)).hex(), `${length}`).toBe(wanted(length))
    }
    for (const piece of [1, 7, 63, 64, 65, 128, 999]) {
      const digest = new Digest(kind)
      for (let at = 0; at < bytes.length; at += piece) digest.update(bytes.subarray(at, at + piece))
      expect(digest.hex(), `${piece}`).toBe(wanted(bytes.length))
    }
  },
)
