import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isJsonObject, type JsonObject } from '../../src/core/json.ts'
import type { Random } from '../../src/core/random.ts'
import { mutateJsonFile, pick } from './mutations.ts'

const read = (path: string) => {
  const file = fileURLToPath(new URL(`../fixtures/tokenizer/${path}`, import.meta.url))
  return JSON.parse(readFileSync(file, 'utf8')) as JsonObject
}

const split = (regex: string, behavior = 'Isolated') => {
  return { type: 'Split', pattern: { Regex: regex }, behavior, invert: false }
}
const template = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: 'a', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [],
  special_tokens: { a: { id: 'a', ids: [0], tokens: ['a'] } },
}
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
const letters = Array.from('abcdefghilmnorstuvxTH,▁ é12')
const idsOf = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]))
const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
const prepend = { type: 'Prepend', prepend: '▁' }

/** One of each algorithm, with small vocabularies and all kinds of parts. */
const tokenizers: readonly JsonObject[] = [
  read('tokenizer.json'),
  read('llama/tokenizer.json'),
  {
    added_tokens: [{ id: 60, content: 'lungs', special: true, normalized: true, lstrip: true, rstrip: true }],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }, replace, prepend] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        split(String.raw`\p{L}+|\s+(?!\S)|(?:x{1,3}){,4}`),
        { type: 'Digits', individual_digits: true },
        { type: 'Whitespace' },
        { type: 'FixedLength', length: 5 },
      ],
    },
    post_processor: { type: 'Sequence', processors: [template, { type: 'ByteLevel' }] },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { Regex: '▁+' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      fuse_unk: true,
      unk_token: 'a',
      end_of_word_suffix: null,
      vocab: idsOf([...letters, 'th', 'the', ...bytes]),
      merges: [
        ['t', 'h'],
        ['th', 'e'],
      ],
    },
  },
  {
    added_tokens: [],
    normalizer: { type: 'Precompiled', precompiled_charsmap: 'ALQCAACEAAA=' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
    post_processor: { type: 'RobertaProcessing', cls: ['a', 0], sep: ['b', 1] },
    decoder: { type: 'Metaspace', replacement: '▁' },
    model: {
      type: 'Unigram',
      unk_id: 2,
      byte_fallback: false,
      vocab: [...letters, 'the', '▁the', 'he', 'lung', 'xxxx'].map((token, i) => [token, -i / 2]),
    },
  },
  {
    added_tokens: [],
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', cls: ['a', 0], sep: ['b', 1] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: 'a',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: idsOf([...letters, ...letters.map((letter) => `##${letter}`)]),
    },
  },
  { ...read('tokenizer.json'), decoder: { type: 'CTC', pad_token: 'a', word_delimiter_token: '|', cleanup: true } },
]

/** Values that a part or a model does not expect. */
const values: readonly unknown[] = [
  ...[null, true, false, {}, [], '', 'a', ' ', '▁', '$&', '$`', 'x'.repeat(2000), 'ﷺ'],
  ...[0, 1, -1, 1.5, 1e9, 1e300, 2 ** 24 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32, 2 ** 53],
  ...[
    '(a+)+$',
    '(x+x+)+y',
    '(?:x{1,4}){1,4}+y',
    '(x{,9}){,9}y',
    '(?:){999999999}',
    '[',
    '(?i)a',
    'x|x|x|x',
    '',
    '[^x]+',
  ],
  ...[{ String: '' }, { String: 'x' }, { Regex: '' }, { Regex: 'x{2,}+y' }, { Regex: '(?=x)' }, { Regex: null }],
  ...['BPE', 'WordPiece', 'WordLevel', 'Unigram', 'Sequence', 'Replace', 'NFKD', 'ByteLevel', 'Metaspace', 'Split'],
  ...['Prepend', 'CTC', 'BPEDecoder', 'Strip', 'Fuse', 'Punctuation', 'WhitespaceSplit', 'TemplateProcessing'],
  ...[{ type: 'ByteLevel', add_prefix_space: true }, { type: 'BPEDecoder' }, { type: 'NFKD' }, [['a', 'a']], ['a a']],
  ...[
    Array(40).fill({ type: 'ByteLevel' }),
    Array(40).fill({ type: 'Replace', pattern: { String: 'x' }, content: 'xx' }),
  ],
]

const fields = [
  'normalizers',
  'pretokenizers',
  'decoders',
  'processors',
  'pattern',
  'content',
  'prepend',
  'suffix',
  'id',
]

interface Place {
  readonly holder: Record<string, unknown> | unknown[]
  readonly key: string
}

/** A tokenizer.json changed in up to four of its values, or one time in ten in its text. */
export function makeTokenizer(random: Random): Uint8Array {
  if (random.below(10) === 0) return mutateJsonFile(random, texts)
  const copy = JSON.parse(pick(random, texts)) as Record<string, unknown>
  for (let edits = 1 + random.below(4); edits > 0; edits--) edit(random, pick(random, placesOf(copy)))
  return new TextEncoder().encode(JSON.stringify(copy))
}

const texts = tokenizers.map((json) => JSON.stringify(json))
const donors = tokenizers.flatMap((json) => placesOf(json))

/** All that has a value, of long lists and of vocabularies the first few. */
function placesOf(holder: Place['holder'] | JsonObject): Place[] {
  const places: Place[] = []
  const visit = (value: unknown) => {
    if (!Array.isArray(value) && !isJsonObject(value)) return
    for (const key of Object.keys(value).slice(0, 24)) {
      places.push({ holder: value as Place['holder'], key })
      visit(valueAt({ holder: value as Place['holder'], key }))
    }
  }
  visit(holder)
  return places
}

function valueAt({ holder, key }: Place): unknown {
  return (holder as Record<string, unknown>)[key]
}

function edit(random: Random, { holder, key }: Place): void {
  const record = holder as Record<string, unknown>
  const value = structuredClone(random.below(2) === 0 ? pick(random, values) : valueAt(pick(random, donors)))
  switch (random.below(8)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else Reflect.deleteProperty(holder, key)
      break
    case 1:
      record[Array.isArray(holder) ? String(holder.length) : pick(random, fields)] = value
      break
    case 2:
      record[key] = repeated(record[key], 1 + random.below(30))
      break
    default:
      record[key] = value
  }
}

/** The same again, where that stays small. */
function repeated(value: unknown, times: number): unknown {
  const { length } = JSON.stringify(value ?? null)
  return Array.from({ length: Math.min(times, Math.ceil(2000 / length)) }, () => structuredClone(value))
}
