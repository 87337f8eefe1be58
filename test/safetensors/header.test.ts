import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { MedAwareError } from '../../src/core/errors.ts'
import { bytesSource, openSafetensors, writeSafetensors } from '../../src/safetensors/index.ts'
import type { ByteSource, SafetensorsFile } from '../../src/safetensors/index.ts'

/** Latin-1 text as bytes: the notation of the Rust library's tests. */
const raw = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))
const zeros = (count: number): string => '\0'.repeat(count)
const prefixed = (json: string, data = ''): Uint8Array => {
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true)
  return new Uint8Array([...length, ...raw(json + data)])
}
const open = (bytes: Uint8Array): Promise<SafetensorsFile> => openSafetensors(bytesSource(bytes, 'f'))
const i32 = '{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}'

describe('accepts what the Rust library accepts', () => {
  it('a plain tensor', async () => {
    const file = await open(raw(`<${zeros(7)}${i32}${zeros(16)}`))
    expect(file.names).toEqual(['test'])
    expect(file.info('test')).toEqual({ dtype: 'I32', shape: [2, 2], begin: 0, end: 16 })
    expect(await file.read('test')).toEqual(new Int32Array(4))
  })

  it('a scalar', async () => {
    const file = await open(raw(`8${zeros(7)}{"test":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}${zeros(4)}`))
    expect(file.info('test').shape).toEqual([])
    expect(await file.read('test')).toEqual(new Int32Array(1))
  })

  it('a tensor of no elements', async () => {
    const file = await open(raw(`<${zeros(7)}{"test":{"dtype":"I32","shape":[2,0],"data_offsets":[0, 0]}}`))
    expect(file.info('test').shape).toEqual([2, 0])
    expect(await file.read('test')).toEqual(new Int32Array(0))
  })

  it.each(['{}\r \t\n', '\t\n{}\r '])('white space about the header %j', async (json) => {
    expect((await open(prefixed(json))).names).toEqual([])
  })

  it('a header in any order', async () => {
    const tensor = (begin: number): string => `{"dtype":"U8","shape":[2],"data_offsets":[${begin},${begin + 2}]}`
    const file = await open(prefixed(`{"b":${tensor(2)},"__metadata__":{"k":"v"},"a":${tensor(0)}}`, zeros(4)))
    expect(file.names).toEqual(['a', 'b'])
    expect(file.metadata).toEqual({ k: 'v' })
  })
})

describe('refuses what the Rust library refuses', () => {
  const attack = Array.from(
    { length: 10 },
    (_, i) => `"weight_${i}":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}`,
  )
  it.each([
    [
      'json attack: ten tensors over the same bytes',
      prefixed(`{${attack.join(',')}}`, zeros(16)),
      'f: tensor "weight_1" begins at byte 0, must begin at 16 where the one before it ends',
    ],
    [
      'bytes after the last tensor',
      raw(`<${zeros(7)}${i32}${zeros(16)}extra_bogus_data_for_polyglot_file`),
      'f: tensors take 16 bytes, the file has 50 after its header; is it truncated?',
    ],
    [
      'missing bytes',
      raw(`<${zeros(7)}${i32}${zeros(14)}`),
      'f: tensors take 16 bytes, the file has 14 after its header; is it truncated?',
    ],
    [
      'header too large',
      raw(`<${zeros(4)}\xff\xff\xff${i32}${zeros(16)}`),
      'f: header of 18446742974197924000 bytes is over the limit of 100000000; is this a safetensors file?',
    ],
    ['header too small', raw(''), 'f: a safetensors file has at least 8 bytes, this one has 0'],
    ['invalid header length', raw(`<${zeros(7)}`), 'f: header of 60 bytes does not fit a file of 8 bytes'],
    ['not UTF-8', raw(`\x01${zeros(7)}\xff`), 'f: header: not valid UTF-8'],
    ['not JSON', raw(`\x01${zeros(7)}{`), 'f: header: not valid JSON'],
    [
      'offsets that do not fit the shape',
      raw(`<${zeros(7)}{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0, 4]}}`),
      'f: tensor "test": I32 [2,2] takes 16 bytes, data_offsets [0, 4] hold 4',
    ],
    [
      'a size over u64',
      raw(`O${zeros(7)}{"test":{"dtype":"I32","shape":[2,18446744073709551614],"data_offsets":[0,16]}}${zeros(16)}`),
      'f: tensor "test": shape [2,18446744073709552000] overflows',
    ],
    [
      'sizes whose product is over u64',
      raw(`N${zeros(7)}{"test":{"dtype":"I32","shape":[2,9223372036854775807],"data_offsets":[0,16]}}${zeros(16)}`),
      'f: tensor "test": shape [2,9223372036854776000] overflows',
    ],
  ])('%s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(new MedAwareError('format', message))
  })
})

describe('refuses further', () => {
  const entry = (fields: string): Uint8Array => prefixed(`{"t":{${fields}}}`, zeros(4))
  it.each([
    [
      'one byte over the cap',
      raw(`\x01\xe1\xf5\x05${zeros(4)}{}`),
      'f: header of 100000001 bytes is over the limit of 100000000; is this a safetensors file?',
    ],
    ['an array', prefixed('[]'), 'f: header: must be a JSON object'],
    ['null', prefixed('null'), 'f: header: must be a JSON object'],
    ['a byte order mark', prefixed('\xef\xbb\xbf{}'), 'f: header: not valid JSON'],
    ['a tensor twice', prefixed('{"a":{},"a":{}}'), 'f: header: key "a" appears twice in one object'],
    [
      'a tensor twice, once escaped',
      prefixed('{"a":{"x":[{"a":1}, "a"]}, "\\u0061" :{}}'),
      'f: header: key "a" appears twice in one object',
    ],
    [
      'a field twice',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,4],"dtype":"I8"'),
      'f: header: key "dtype" appears twice in one object',
    ],
    ['metadata that is no text', prefixed('{"__metadata__":{"a":1}}'), 'f: __metadata__ must map strings to strings'],
    ['metadata that is no object', prefixed('{"__metadata__":null}'), 'f: __metadata__ must map strings to strings'],
    ['a name that is no Unicode', prefixed('{"\\ud800":{}}'), 'f: tensor name "\\ud800" is not valid Unicode'],
    [
      'a tensor that is no object',
      prefixed('{"t":[]}'),
      'f: tensor "t": must be an object with dtype, shape and data_offsets',
    ],
    ['a missing dtype', entry('"shape":[4],"data_offsets":[0,4]'), 'f: tensor "t": unknown dtype undefined'],
    [
      'an unknown dtype',
      entry('"dtype":"constructor","shape":[4],"data_offsets":[0,4]'),
      'f: tensor "t": unknown dtype "constructor"',
    ],
    [
      'a negative size',
      entry('"dtype":"U8","shape":[-4],"data_offsets":[0,4]'),
      'f: tensor "t": shape must be a list of sizes, got [-4]',
    ],
    [
      'a broken size',
      entry('"dtype":"U8","shape":[0.5],"data_offsets":[0,4]'),
      'f: tensor "t": shape must be a list of sizes, got [0.5]',
    ],
    [
      'no shape',
      entry('"dtype":"U8","data_offsets":[0,4]'),
      'f: tensor "t": shape must be a list of sizes, got undefined',
    ],
    [
      'three offsets',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,4,4]'),
      'f: tensor "t": data_offsets must be two byte positions, got [0,4,4]',
    ],
    [
      'huge offsets',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,1e300]'),
      'f: tensor "t": data_offsets must be two byte positions, got [0,1e+300]',
    ],
    [
      'offsets that go back',
      entry('"dtype":"U8","shape":[4],"data_offsets":[4,0]'),
      'f: tensor "t": U8 [4] takes 4 bytes, data_offsets [4, 0] hold -4',
    ],
    [
      'a hole at the start',
      entry('"dtype":"U8","shape":[3],"data_offsets":[1,4]'),
      'f: tensor "t" begins at byte 1, must begin at 0 where the one before it ends',
    ],
    [
      'an overflow hidden by a zero',
      entry('"dtype":"U8","shape":[9007199254740991,9007199254740991,0],"data_offsets":[0,0]'),
      'f: tensor "t": shape [9007199254740991,9007199254740991,0] overflows',
    ],
  ])('%s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(new MedAwareError('format', message))
  })

  it('a dtype of the format that it cannot read, by name', async () => {
    const bytes = entry('"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]')
    await expect(open(bytes)).rejects.toThrow(
      new MedAwareError('unsupported', 'f: tensor "t": dtype F8_E4M3 cannot be read'),
    )
  })

  it('a very long name, with one kind of error', async () => {
    await expect(open(prefixed(`{"${'\\"'.repeat(1 << 20)}":0}`))).rejects.toBeInstanceOf(MedAwareError)
  })

  it('before it reads any tensor', async () => {
    const bytes = raw(`<${zeros(7)}${i32}${zeros(14)}`)
    const reads: number[] = []
    const source: ByteSource = {
      name: 'f',
      byteLength: bytes.length,
      read: async (begin, end) => (reads.push(end), bytes.subarray(begin, end)),
    }
    await expect(openSafetensors(source)).rejects.toThrow('is it truncated?')
    expect(Math.max(...reads)).toBe(68)
  })
})

it('never fails but with its own error, whatever bytes are changed', async () => {
  const good = writeSafetensors([
    { name: 'a', dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
    { name: 'b', dtype: 'U8', shape: [5], data: new Uint8Array(5) },
  ])
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(good.length), async (changes, cut) => {
      const bytes = good.slice(0, cut % 3 === 0 ? cut : good.length)
      for (const [at, value] of changes) bytes[at] = value
      const outcome = await open(bytes).catch((error: unknown) => error)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(MedAwareError)
    }),
    { numRuns: 500 },
  )
})
