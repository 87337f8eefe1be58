import type { Random } from '../../src/core/random.ts'
import { joined } from '../../src/core/bytes.ts'
import { mutateBytes, mutateJson, pick } from './mutations.ts'

const bytesOf = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1, F8_E4M3: 1, U16: 2 }
const dtypes = Object.keys(bytesOf) as (keyof typeof bytesOf)[]
const names = ['a', 'b', 'model.layers.0.q', 'é\u{1F600}', '__proto__', 'x y', '0', '10', '"\\']
const encoder = new TextEncoder()

/** A safetensors file: a whole one, one with a changed header under the right length, or one with changed bytes. */
export function makeSafetensors(random: Random): Uint8Array {
  const { header, dataBytes } = makeHeader(random)
  const kind = random.below(10)
  if (kind < 2) return file(random, header, dataBytes)
  if (kind < 8) return file(random, mutateJson(random, [header]), dataBytes)
  return mutateBytes(random, file(random, header, dataBytes))
}

function file(random: Random, header: string, dataBytes: number): Uint8Array {
  const json = encoder.encode(header)
  const prefix = new DataView(new ArrayBuffer(8))
  const length = oneIn(random, 50) ? json.length + random.below(9) - 4 : json.length
  prefix.setBigUint64(0, BigInt.asUintN(64, BigInt(length)), true)
  const data = Uint8Array.from({ length: dataBytes }, (_, i) => (i * 37 + 1) & 255)
  return joined([new Uint8Array(prefix.buffer), json, data])
}

/** Up to four tensors side by side, spelt in one of the ways that JSON has for it. */
function makeHeader(random: Random): { header: string; dataBytes: number } {
  const space = () => (oneIn(random, 12) ? pick(random, [' ', '\n', '\t', '\r']) : '')
  let end = 0
  const left = [...names]
  const fields = Array.from({ length: random.below(5) }, () => {
    const [name = ''] = left.splice(random.below(left.length), 1)
    const dtype = pick(random, dtypes)
    const shape = Array.from({ length: random.below(4) }, () => pick(random, [0, 1, 1, 2, 3, 5]))
    const begin = end
    end += shape.reduce((count, size) => count * size, bytesOf[dtype])
    const sizes = oneIn(random, 20) && shape.includes(0) ? [...shape, 9_007_199_254_740_993n] : shape
    const values = [`"${dtype}"`, `[${sizes.join(`,${space()}`)}]`, `[${begin},${space()}${end}]`]
    // Rust's way of reading a struct takes these two as well.
    if (oneIn(random, 40)) return `${spell(random, name)}:[${values.join(',')}]`
    if (oneIn(random, 40)) values[0] = `{"${dtype}":null}`
    const keys = ['dtype', 'shape', 'data_offsets']
    const entry = keys.map((key, i) => `"${key}"${space()}:${space()}${values[i] ?? ''}`)
    if (oneIn(random, 16)) entry.push(`"note":${pick(random, ['1.5', '"x"', '[1,{"a":null}]', '-0', '1e5'])}`)
    return `${space()}${spell(random, name)}:{${random.shuffle(entry).join(',')}}`
  })
  if (oneIn(random, 40) && fields.length > 0) fields.push(pick(random, fields))
  if (oneIn(random, 3)) {
    const metadata = pick(random, ['{}', 'null', '{"format":"pt"}', '{"a":"1","é":"\\u00e9"}', '{"":""}'])
    fields.splice(random.below(fields.length + 1), 0, `"__metadata__":${space()}${metadata}`)
  }
  if (oneIn(random, 4)) random.shuffle(fields)
  return { header: `${space()}{${fields.join(',')}${space()}}${space()}`, dataBytes: end }
}

function oneIn(random: Random, count: number): boolean {
  return random.below(count) === 0
}

/** A JSON string, now and then with an escape where none is needed. */
function spell(random: Random, text: string): string {
  if (random.below(8) > 0) return JSON.stringify(text)
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0'))
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`
}
