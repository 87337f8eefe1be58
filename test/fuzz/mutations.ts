import { joined } from '../../src/core/bytes.ts'
import type { Random } from '../../src/core/random.ts'

/** What files are broken with: values that a field does not expect, and bits of JSON. */
const words = [
  ...['null', 'true', '{}', '[]', '""', '0', '1', '-1', '-0', '0.0', '1e0', '4.0', '1e999', '1e308', '1e9', '1e-9'],
  ...['2147483648', '4294967296', '9007199254740993', '18446744073709551615', '18446744073709551616', '1'.repeat(400)],
  ...['"\\ud800"', '"\\u0000"', '"__proto__"', '"constructor"', '"length"', '"nan"', '"1"', '"\u{1F600}"', '"é\\""'],
  ...['"(a+)+$"', '"(?i)q_proj"', '"["', '"^(.*)*x"', `"${'a'.repeat(300)}"`, '[[[[[[[[]]]]]]]]', '{"a":{"a":{}}}'],
  ...[
    '['.repeat(127),
    '['.repeat(5000),
    '{"a":'.repeat(200),
    'NaN',
    'Infinity',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    ' ',
  ],
]

const tokensByText = new Map<string, readonly string[]>()

/** JSON cut into strings, numbers, words, signs and white space. */
function tokensOf(text: string): readonly string[] {
  const known = tokensByText.get(text)
  if (known !== undefined) return known
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|\s+|[^\s{}[\]:,"]+|"/gs) ?? []
  tokensByText.set(text, tokens)
  return tokens
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[random.below(items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

/** One of some JSON texts with up to four tokens changed. */
export function mutateJson(random: Random, texts: readonly string[]): string {
  const tokens = [...tokensOf(pick(random, texts))]
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    const at = random.below(tokens.length + 1)
    const from = random.below(tokens.length + 1)
    switch (random.below(7)) {
      case 0:
      case 1:
        tokens.splice(at, 1, pick(random, words))
        break
      case 2:
        tokens.splice(at, 0, pick(random, words))
        break
      case 3:
        tokens.splice(at, 1 + random.below(6))
        break
      case 4:
        tokens.splice(at, 1, tokens[from] ?? '')
        break
      case 5:
        tokens.splice(at, 0, ...tokens.slice(from, from + random.below(16)))
        break
      default:
        tokens.splice(at, 1, pick(random, tokensOf(pick(random, texts))))
    }
  }
  return tokens.join('')
}

/** Bytes with up to four places changed, or cut off. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let changed = Uint8Array.from(bytes)
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    const at = random.below(changed.length + 1)
    switch (random.below(6)) {
      case 0:
        changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8))
        break
      case 1:
        changed[at] = random.below(256)
        break
      case 2:
        changed = changed.slice(0, at)
        break
      case 3:
        changed = joined([changed.subarray(0, at), Uint8Array.of(random.below(256)), changed.subarray(at)])
        break
      case 4:
        changed = joined([changed.subarray(0, at), changed.subarray(at + 1 + random.below(8))])
        break
      default: {
        const from = random.below(changed.length + 1)
        const copied = changed.slice(from, from + random.below(64))
        changed = joined([changed.subarray(0, at), copied, changed.subarray(at)])
      }
    }
  }
  return changed
}

const encoder = new TextEncoder()

/** A JSON text changed in its tokens or, one time in five, in its bytes. */
export function mutateJsonFile(random: Random, texts: readonly string[]): Uint8Array {
  if (random.below(5) > 0) return encoder.encode(mutateJson(random, texts))
  return mutateBytes(random, encoder.encode(pick(random, texts)))
}
