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

  const t = '"dtype":"U8","shape":[2],"data_offsets":[0,2]'
  it.each([
    ['metadata of null', `{"__metadata__":null,"t":{${t}}}`],
    ['empty metadata', `{"__metadata__":{},"t":{${t}}}`],
    ['spaces before the header', `   {"t":{${t}}}`],
    ['an odd length', `{"t": {${t} } }`],
    ['a field more', `{"t":{${t},"x":[1.5e3,-0,true,{"y":"\\ud83d\\ude00"}]}}`],
    ['a field of lists 127 deep', `{"t":{${t},"x":${'['.repeat(125)}${']'.repeat(125)}}}`],
  ])('%s', async (_, json) => {
    const file = await open(prefixed(json, '\x01\x02'))
    expect(file.metadata).toEqual({})
    expect(file.names).toEqual(['t'])
    expect(await file.read('t')).toEqual(Uint8Array.of(1, 2))
  })

  it('names beyond ASCII, escaped or not, and those that objects have of themselves', async () => {
    const names = ['\u00e9\u{1F600}', '__proto__', 'constructor']
    const entries = ['"\\u00e9\\ud83d\\ude00"', '"__proto__"', '"constructor"'].map((name, i) => {
      return `${name}:{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`
    })
    const file = await open(prefixed(`{"__metadata__":{"__proto__":"x"},${entries.join(',')}}`, zeros(3)))
    expect(file.names).toEqual(names)
    expect(Object.entries(file.metadata)).toEqual([['__proto__', 'x']])
    const spelt = new TextEncoder().encode('{"\u00e9\u{1F600}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}')
    expect((await open(prefixed(String.fromCharCode(...spelt)))).names).toEqual([names[0]])
  })

  // A header of 60 MB took a minute where each name was compared with all before it.
  it('300,000 tensors', { timeout: 60_000 }, async () => {
    const header = (count: number) => {
      const entries = Array.from({ length: count }, (_, i) => {
        return `"t${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`
      })
      return prefixed(`{${entries.join(',')}}`)
    }
    expect((await open(header(300_000))).names).toHaveLength(300_000)
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
    ['not JSON', raw(`\x01${zeros(7)}{`), 'f: header: not valid JSON at character 1: it ends there'],
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
  const u8 = '"dtype":"U8","shape":[4],"data_offsets":[0,4]'
  const entry = (fields: string): Uint8Array => prefixed(`{"t":{${fields}}}`, zeros(4))
  it.each([
    [
      'one byte over the cap',
      raw(`\x01\xe1\xf5\x05${zeros(4)}{}`),
      'f: header of 100000001 bytes is over the limit of 100000000; is this a safetensors file?',
    ],
    ['an array', prefixed('[]'), 'f: header: must be a JSON object'],
    ['null', prefixed('null'), 'f: header: must be a JSON object'],
    ['a byte order mark', prefixed('\xef\xbb\xbf{}'), 'f: header: must be a JSON object'],
    ['a tensor twice', prefixed(`{"t":{${u8}},"t":{${u8}}}`), 'f: header: key "t" appears twice in one object'],
    [
      'a tensor twice, once escaped',
      prefixed(`{"t":{${u8},"x":[{"t":1}, "t"]}, "\\u0074" :{}}`),
      'f: header: key "t" appears twice in one object',
    ],
    [
      'a field twice',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,4],"dtype":"I8"'),
      'f: header: key "dtype" appears twice in one object',
    ],
    ['metadata that is no text', prefixed('{"__metadata__":{"a":1}}'), 'f: __metadata__ must map strings to strings'],
    ['metadata that is no object', prefixed('{"__metadata__":[]}'), 'f: __metadata__ must map strings to strings'],
    ['a name that is no Unicode', prefixed('{"\\ud800":{}}'), 'f: header: "\\ud800" is not valid Unicode'],
    [
      'a tensor that is no object',
      prefixed('{"t":[]}'),
      'f: tensor "t": must be an object with dtype, shape and data_offsets',
    ],
    ['a missing dtype', entry('"shape":[4],"data_offsets":[0,4]'), 'f: tensor "t": dtype is missing'],
    [
      'an unknown dtype',
      entry('"dtype":"constructor","shape":[4],"data_offsets":[0,4]'),
      'f: tensor "t": unknown dtype "constructor"',
    ],
    [
      'a negative size',
      entry('"dtype":"U8","shape":[-4],"data_offsets":[0,4]'),
      'f: tensor "t": shape must be a list of at most 1024 sizes, got [-4]',
    ],
    [
      'a broken size',
      entry('"dtype":"U8","shape":[0.5],"data_offsets":[0,4]'),
      'f: tensor "t": shape must be a list of at most 1024 sizes, got [0.5]',
    ],
    ['no shape', entry('"dtype":"U8","data_offsets":[0,4]'), 'f: tensor "t": shape is missing'],
    [
      'three offsets',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,4,4]'),
      'f: tensor "t": data_offsets must be two byte positions, got [0,4,4]',
    ],
    [
      'huge offsets',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,1e300]'),
      'f: tensor "t": data_offsets must be two byte positions, got [0,1e300]',
    ],
    ...['0.0', '0e0', '-0', '"0"', 'null', '[0]'].map((zero): [string, Uint8Array, string] => [
      `an offset spelt ${zero}`,
      entry(`"dtype":"U8","shape":[4],"data_offsets":[${zero},4]`),
      `f: tensor "t": data_offsets must be two byte positions, got [${zero},4]`,
    ]),
    ...['4.0', '4e0', '-0', '0.4e1'].map((four): [string, Uint8Array, string] => [
      `a size spelt ${four}`,
      entry(`"dtype":"U8","shape":[${four} ],"data_offsets":[0,4]`),
      `f: tensor "t": shape must be a list of at most 1024 sizes, got [${four} ]`,
    ]),
    ['a size spelt 04', entry('"dtype":"U8","shape":[04]'), 'f: header: not valid JSON at character 29: "4]}}"'],
    [
      'more dimensions than any library has',
      entry(`"dtype":"U8","shape":[${'1,'.repeat(1024)}4],"data_offsets":[0,4]`),
      `f: tensor "t": shape must be a list of at most 1024 sizes, got [${'1,'.repeat(39)}1… (2051 characters)`,
    ],
    [
      'a number beyond a double, where nobody reads it',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":-1e999'),
      'f: header: number -1e999 is out of range',
    ],
    [
      'a lone surrogate, where nobody reads it',
      entry('"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":["\\ude00"]'),
      'f: header: "\\ude00" is not valid Unicode',
    ],
    [
      'a lone surrogate in the metadata',
      prefixed('{"__metadata__":{"k":"\\ud83dx"}}'),
      'f: header: "\\ud83dx" is not valid Unicode',
    ],
    [
      'lists 128 deep',
      prefixed(`{"t":{"x":${'['.repeat(126)}${']'.repeat(126)}}}`),
      'f: header: lists and objects lie more than 127 deep in one another',
    ],
    [
      'a dtype of 5,000 lists',
      prefixed(`{"t":{"dtype":${'['.repeat(5000)}${']'.repeat(5000)}}}`),
      'f: header: lists and objects lie more than 127 deep in one another',
    ],
    [
      'metadata twice',
      prefixed('{"__metadata__":{},"__metadata__":{}}'),
      'f: header: key "__metadata__" appears twice in one object',
    ],
    ['text after the header', prefixed('{}{}'), 'f: header: not valid JSON at character 2: "{}"'],
    ['a string that does not end', prefixed('{"t'), 'f: header: not valid JSON at character 1: "\\"t"'],
    ['a string of two lines', prefixed('{"\n":0}'), 'f: header: not valid JSON at character 1: "\\"\\n\\":0}"'],
    ['an unknown escape', prefixed('{"\\x41":0}'), 'f: header: "\\x41" is no valid JSON string'],
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
