import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { joined } from '../../src/core/bytes.ts'
import { MedAwareError } from '../../src/core/errors.ts'
import { type GgufHeader, readGgufHeader } from '../../src/gguf/header.ts'
import { bytesSource } from '../../src/safetensors/index.ts'
import { readFixture } from '../fixtures/open-fixture.ts'
import { type Entry, f32, ggufFile, type TensorOfFile, text, u32, u64 } from './gguf-file.ts'

const read = (bytes: Uint8Array): Promise<GgufHeader> => readGgufHeader(bytesSource(bytes, 'f'))
const tensor = (changes: Partial<TensorOfFile> = {}): TensorOfFile => {
  return { name: 't', sizes: [4], type: 0, offset: 0, ...changes }
}
const entry = (type: number, ...value: Uint8Array[]): Entry => ['k', type, joined(value)]
const most = 2n ** 64n - 1n

describe('readGgufHeader', () => {
  it("reads what the gguf package's writer writes", async () => {
    const { version, metadata, tensors } = await read(await readFixture('gguf/blocks.gguf'))
    expect(version).toBe(3)
    const { 'test.ints': ints, ...values } = Object.fromEntries(metadata)
    expect(ints).toEqual(Array.from({ length: 5003 }, (_, i) => i - 3))
    expect(values).toEqual({
      'general.architecture': 'none',
      ...{ 'test.uint8': 200, 'test.int8': -100, 'test.uint16': 60000, 'test.int16': -30000 },
      ...{ 'test.uint32': 4000000000, 'test.int32': -2000000000, 'test.uint64': 2n ** 63n + 1n, 'test.int64': -5 },
      ...{ 'test.float32': Math.fround(1e-5), 'test.float64': 1e-5, 'test.bool': true, 'test.string': 'é😀' },
      ...{ 'test.strings': ['', 'a', 'ö'], 'test.floats': [0.5, -1.5] },
    })
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ...['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'].map((name) => [name, [3, 128]]),
      ...['Q4_K', 'Q5_K', 'Q6_K'].map((name) => [name, [2, 1536]]),
      ...[
        ['F32', [3, 5]],
        ['F16', [7]],
        ['BF16', [2, 3, 4]],
      ],
    ])
  })

  it('reads version 2, tensors in any order, another alignment, and none', async () => {
    const tensors = [tensor({ name: 'b', offset: 16, sizes: [3, 2] }), tensor({ name: 'a' })]
    const file = ggufFile({
      version: 2,
      tensors,
      data: 40,
      alignment: 16,
      entries: [['general.alignment', 4, u32(16)]],
    })
    const header = await read(file)
    expect([...header.tensors.keys()]).toEqual(['a', 'b'])
    expect(header.tensors.get('b')).toMatchObject({ shape: [2, 3], begin: 16, end: 40 })
    expect((await read(ggufFile({ data: 0 }))).tensors.size).toBe(0)
  })

  it('reads a header longer than a piece, with 300,000 texts', { timeout: 60_000 }, async () => {
    const words = Array.from({ length: 300_000 }, (_, i) => `token${i}`)
    const encoder = new TextEncoder()
    const list = new Uint8Array(words.reduce((sum, word) => sum + 8 + word.length, 12))
    list.set(joined([u32(8), u64(words.length)]))
    let at = 12
    for (const word of words) {
      list[at] = word.length
      list.set(encoder.encode(word), at + 8)
      at += 8 + word.length
    }
    const begin = joined([encoder.encode('GGUF'), u32(3), u64(0), u64(1), text('tokens'), u32(9)])
    const file = new Uint8Array(Math.ceil((begin.length + list.length) / 32) * 32)
    file.set(begin)
    file.set(list, begin.length)
    expect((await read(file)).metadata.get('tokens')).toEqual(words)
  })
})

it('refuses lists that have more items together than any model needs, before they are made', async () => {
  const list = (key: string, count: number): readonly Uint8Array[] => {
    return [text(key), u32(9), u32(0), u64(count), new Uint8Array(count)]
  }
  const parts = [new TextEncoder().encode('GGUF'), u32(3), u64(0), u64(2), ...list('a', 9), ...list('b', 2 ** 23 - 8)]
  const file = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer())
  await expect(read(file)).rejects.toMatchObject({
    code: 'format',
    message: 'f: metadata "b" is a list of 8388600; lists may have 8388608 items together',
  })
})

describe('refuses a file that lies, before anything is made of what it says', () => {
  const at24 = 'at byte 24'
  it.each<[string, Uint8Array, string]>([
    [
      'nothing',
      new Uint8Array(0),
      'f: the beginning of a GGUF file at byte 0 takes 4 bytes, 0 are left; is the file truncated?',
    ],
    ['another magic', ggufFile({ magic: 'GGML' }), 'f: does not begin with GGUF; is this a GGUF file?'],
    [
      'no counts',
      ggufFile().subarray(0, 12),
      'f: the number of tensors at byte 8 takes 8 bytes, 4 are left; is the file truncated?',
    ],
    [
      'more tensors than it has room for',
      ggufFile({ counts: [most, 0] }),
      `f: a list of 18446744073709552000 tensors ${at24} takes 461168601842738800000 bytes, 8 are left; is the file truncated?`,
    ],
    [
      'more keys than it has room for',
      ggufFile({ counts: [0, 2 ** 40] }),
      `f: metadata of 1099511627776 keys ${at24} takes 15393162788864 bytes, 8 are left; is the file truncated?`,
    ],
    [
      'a key longer than the file',
      ggufFile({ entries: [['a'.repeat(40), 4, u32(1)]] }).subarray(0, 60),
      'f: key 0 of the metadata at byte 32 takes 40 bytes, 28 are left; is the file truncated?',
    ],
    [
      'a key longer than keys are',
      ggufFile({ entries: [['a'.repeat(65536), 4, u32(1)]] }),
      'f: key 0 of the metadata at byte 32 has 65536 bytes, 65535 are the most',
    ],
    ['an empty key', ggufFile({ entries: [['', 4, u32(1)]] }), 'f: key 0 of the metadata is empty'],
    ['a key twice', ggufFile({ entries: [entry(4, u32(1)), entry(4, u32(1))] }), 'f: metadata "k" is there twice'],
    [
      'a type of values there is not',
      ggufFile({ entries: [entry(13, u32(1))] }),
      'f: metadata "k" has type 13, 12 is the last',
    ],
    [
      'a text longer than the file',
      ggufFile({ entries: [entry(8, u64(most))] }),
      'f: metadata "k" at byte 45 takes 18446744073709552000 bytes, 19 are left; is the file truncated?',
    ],
    [
      'a text that is no UTF-8',
      ggufFile({ entries: [entry(8, u64(1), Uint8Array.of(0xff))] }),
      'f: metadata "k": not valid UTF-8',
    ],
    [
      'a list longer than the file',
      ggufFile({ entries: [entry(9, u32(0), u64(2 ** 50))] }),
      'f: metadata "k", a list of 1125899906842624, at byte 49 takes 1125899906842624 bytes, 15 are left; is the file truncated?',
    ],
    [
      'a list of texts longer than the file',
      ggufFile({ entries: [entry(9, u32(8), u64(2 ** 61))] }),
      'f: metadata "k", a list of 2305843009213694000, at byte 49 takes 18446744073709552000 bytes, 15 are left; is the file truncated?',
    ],
    [
      'an alignment of no power of two',
      ggufFile({ entries: [['general.alignment', 4, u32(24)]] }),
      'f: general.alignment must be a power of two up to 65536, got 24',
    ],
    [
      'an alignment of 0',
      ggufFile({ entries: [['general.alignment', 4, u32(0)]] }),
      'f: general.alignment must be a power of two up to 65536, got 0',
    ],
    [
      'an alignment that is no whole number',
      ggufFile({ entries: [['general.alignment', 6, f32(1.5)]] }),
      'f: general.alignment must be a power of two up to 65536, got 1.5',
    ],
    [
      'a name longer than names are',
      ggufFile({ tensors: [tensor({ name: 'n'.repeat(65) })], data: 16 }),
      'f: the name of tensor 0 at byte 32 has 65 bytes, 64 are the most',
    ],
    [
      'a name twice',
      ggufFile({ tensors: [tensor(), tensor({ offset: 32 })], data: 48 }),
      'f: two tensors are called "t"',
    ],
    [
      'too many dimensions',
      ggufFile({ tensors: [tensor({ sizes: [1, 1, 1, 1, 1] })], data: 16 }),
      'f: tensor "t": has 5 dimensions, 1 to 4 are possible',
    ],
    [
      'no dimension',
      ggufFile({ tensors: [tensor({ sizes: [] })], data: 16 }),
      'f: tensor "t": has 0 dimensions, 1 to 4 are possible',
    ],
    [
      'a size over u64',
      ggufFile({ tensors: [tensor({ sizes: [most] })] }),
      'f: tensor "t": shape [18446744073709552000] overflows',
    ],
    [
      'sizes whose product is over u64, or rounds, or is hidden by 0',
      ggufFile({ tensors: [tensor({ sizes: [0, 2n ** 40n, 2n ** 40n] })] }),
      'f: tensor "t": shape [1099511627776,1099511627776,0] overflows',
    ],
    [
      'a type there is not',
      ggufFile({ tensors: [tensor({ type: 5000 })], data: 16 }),
      'f: tensor "t": there is no type 5000',
    ],
    [
      'rows that are not made of blocks',
      ggufFile({ tensors: [tensor({ sizes: [48, 2], type: 8 })], data: 102 }),
      'f: tensor "t": rows of 48 are not made of Q8_0\'s blocks of 32',
    ],
    [
      'tensors over the same bytes',
      ggufFile({ tensors: [tensor(), tensor({ name: 'u' })], data: 16 }),
      'f: tensor "u" begins at byte 0, must begin at 32 where the one before it ends',
    ],
    [
      'a tensor that is not aligned',
      ggufFile({ tensors: [tensor(), tensor({ name: 'u', offset: 16 })], data: 32 }),
      'f: tensor "u" begins at byte 16, must begin at 32 where the one before it ends',
    ],
    [
      'a hole between tensors',
      ggufFile({ tensors: [tensor(), tensor({ name: 'u', offset: 64 })], data: 80 }),
      'f: tensor "u" begins at byte 64, must begin at 32 where the one before it ends',
    ],
    [
      'an offset past all numbers',
      ggufFile({ tensors: [tensor({ offset: most })], data: 16 }),
      'f: tensor "t" begins at byte 18446744073709552000, must begin at 0 where the one before it ends',
    ],
    [
      'missing bytes',
      ggufFile({ tensors: [tensor()], data: 15 }),
      'f: tensors take 16 bytes, the file has 15 after its header; is it truncated?',
    ],
    ['bytes after the last tensor', ggufFile({ tensors: [tensor()], data: 64 }), 'f: 48 bytes follow the last tensor'],
  ])('%s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(new MedAwareError('format', message))
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['version 1', ggufFile({ version: 1 }), /^f: GGUF version 1; 2 and 3 are read$/],
    ['big-endian numbers', ggufFile({ version: 3 << 24 }), /big-endian/],
    ['lists of lists', ggufFile({ entries: [entry(9, u32(9), u64(1))] }), /^f: metadata "k" is a list of lists$/],
    [
      'a type that is not read',
      ggufFile({ tensors: [tensor({ sizes: [256], type: 10 })], data: 84 }),
      /^f: tensor "t": type Q2_K is not read; F32, F16, Q4_0, .*, Q6_K, BF16 are$/,
    ],
  ])('%s: unsupported', async (_, bytes, message) => {
    const refused = read(bytes)
    await expect(refused).rejects.toThrow(message)
    await expect(refused).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('never asks a source for what it does not have, nor for more than a header may be', async () => {
    const asked: number[] = []
    const byteLength = 2 ** 40
    const file = ggufFile({ entries: [entry(8, u64(2 ** 39))] })
    const source = {
      ...{ name: 'f', byteLength },
      async read(begin: number, end: number) {
        asked.push(end - begin)
        const bytes = new Uint8Array(end - begin)
        bytes.set(file.subarray(begin, end))
        return bytes
      },
    }
    await expect(readGgufHeader(source)).rejects.toThrow(/a header may have 100000000 bytes/)
    expect(Math.max(...asked)).toBeLessThanOrEqual(2 ** 20)
  })

  it('throws nothing of its own on a file with bytes changed', async () => {
    const good = new Uint8Array(await readFixture('gguf/blocks.gguf')).slice(0, 30_000)
    const change = fc.record({ at: fc.nat(1400), value: fc.nat(255), cut: fc.nat(good.length) })
    await fc.assert(
      fc.asyncProperty(change, async ({ at, value, cut }) => {
        const bytes = good.slice(0, value % 3 === 0 ? cut : good.length)
        if (at < bytes.length) bytes[at] = value
        await read(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(MedAwareError))
      }),
      { numRuns: 300 },
    )
  })
})
