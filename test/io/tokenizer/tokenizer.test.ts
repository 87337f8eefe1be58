import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tokenizerFromJson } from '../../../src/io/tokenizer/tokenizer.ts'

type Json = Record<string, unknown>

const here = join(import.meta.dirname, '../../fixtures/tokenizer')
const text = (name: string) => readFileSync(join(here, name), 'utf8')
const parsed = (name: string) => JSON.parse(text(name)) as Json
const { vocab_size, vectors } = parsed('vectors.json') as {
  vocab_size: number
  vectors: { text: string; ids: number[]; decoded: string }[]
}

type Refusal = [json: string, config: string | undefined, code: string, message: string]

/** The small tokenizer with other parts. */
const changed = (parts: Json) => JSON.stringify({ ...parsed('tokenizer.json'), ...parts })

describe('tokenizerFromJson', () => {
  const tokenizer = tokenizerFromJson(text('tokenizer.json'), text('tokenizer_config.json'))

  it.each(vectors)('encodes and decodes $text as Hugging Face tokenizers does', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids)
    expect(tokenizer.decode(ids)).toBe(decoded)
  })

  it('knows its size and its end of text', () => {
    expect(tokenizer.vocabSize).toBe(vocab_size)
    expect(tokenizer.eosTokenId).toBe(0)
  })

  it('reads parsed files as well', () => {
    const other = tokenizerFromJson(parsed('tokenizer.json'), parsed('tokenizer_config.json'))
    expect(other.encode('diabetes')).toEqual(tokenizer.encode('diabetes'))
  })

  it('leaves out ids beyond its vocabulary, as of a padded embedding', () => {
    expect(tokenizer.decode([...tokenizer.encode('diet'), 50_300])).toBe('diet')
    expect(tokenizer.decode([50_300])).toBe('')
  })

  it.each([null, 'a', 3, [1.5], ['1'], [-100], [NaN]])('refuses to decode %j, which are no ids', (ids) => {
    expect(() => tokenizer.decode(ids as never)).toThrow('tokenizer: what is decoded')
  })

  it('decodes ids in a typed array', () => {
    expect(tokenizer.decode(Int32Array.from(tokenizer.encode('diet')) as never)).toBe('diet')
  })

  it('reads special tokens as text where it is told to, and still puts its own around it', () => {
    const special = { id: 300, content: '<end>', special: true, normalized: false }
    const around = {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A' } }, { SpecialToken: { id: '<end>' } }],
      special_tokens: { '<end>': { id: '<end>', ids: [300], tokens: ['<end>'] } },
    }
    const ending = tokenizerFromJson(
      changed({
        added_tokens: [special, { ...special, id: 301, content: '<kept>', special: false }],
        post_processor: around,
      }),
    )
    const written = ending.encode('a<end><kept>', { splitSpecialTokens: true })
    expect(written.slice(-2)).toEqual([301, 300])
    expect(written.slice(0, -2)).toEqual(tokenizer.encode('a<end>'))
    expect(ending.encode('a<end><kept>').slice(-3)).toEqual([300, 301, 300])
    expect(ending.decode(written)).toBe('a<end><kept>')
    expect(ending.decode(written, { skipSpecialTokens: false })).toBe('a<end><kept><end>')
    expect(() => ending.encode('a', { splitSpecialTokens: 1 as never })).toThrow('encode: splitSpecialTokens must be')
    expect(() => ending.decode([0], { skipSpecialTokens: 'no' as never })).toThrow('decode: skipSpecialTokens must be')
  })

  it('shows an unfinished character as U+FFFD', () => {
    expect(tokenizer.decode(tokenizer.encode('🩺').slice(0, 3))).toBe('\uFFFD')
  })

  it('finds the end of text by name when no config says it, and says so when there is none', () => {
    const json = parsed('tokenizer.json')
    expect(tokenizerFromJson(json).eosTokenId).toBe(0)
    expect(tokenizerFromJson(json, { eos_token: null }).eosTokenId).toBe(0)
    expect(tokenizerFromJson({ ...json, added_tokens: [] }).eosTokenId).toBeNull()
  })

  it('reads an eos_token written as an object', () => {
    const config = { eos_token: { __type: 'AddedToken', content: '<|answer|>', special: true } }
    expect(tokenizerFromJson(parsed('tokenizer.json'), config).eosTokenId).toBe(300)
  })

  it.each([
    ['{', undefined, 'format', 'tokenizer: tokenizer.json: not valid JSON'],
    [
      '{}',
      undefined,
      'format',
      'tokenizer: tokenizer.json has no model.vocab; give the file that Hugging Face tokenizers writes',
    ],
    [text('tokenizer.json'), '<html>', 'format', 'tokenizer: tokenizer_config.json: not valid JSON'],
    [
      text('tokenizer.json'),
      '{"eos_token":"</s>"}',
      'not-found',
      'tokenizer: eos_token "</s>" of tokenizer_config.json is not in the vocabulary',
    ],
    [
      JSON.stringify({ ...parsed('tokenizer.json'), decoder: { type: 'Morse' } }),
      undefined,
      'format',
      'tokenizer: tokenizer.json cannot be used, Unknown Decoder type: Morse',
    ],
    ['[]', undefined, 'format', 'tokenizer: tokenizer.json: must be a JSON object'],
    ['['.repeat(5000), undefined, 'format', 'tokenizer: tokenizer.json'],
    [
      changed({ added_tokens: {} }),
      undefined,
      'format',
      'tokenizer: added_tokens of tokenizer.json must be a list, got {}',
    ],
    [changed({ added_tokens: [null] }), undefined, 'format', 'has null, where a token with its content must be'],
    [
      changed({ added_tokens: [{ id: 1e9, content: '<far>' }] }),
      undefined,
      'format',
      'tokenizer: the token "<far>" of tokenizer.json has the id 1000000000; ids are whole numbers below 16777216',
    ],
    [changed({ model: { type: 'BPE', vocab: { a: -1 }, merges: [] } }), undefined, 'format', 'has the id -1'],
    [changed({ model: { type: 'BPE', vocab: { a: 1.5 }, merges: [] } }), undefined, 'format', 'has the id 1.5'],
    [changed({ model: { type: 'BPE', vocab: { a: '1' }, merges: [] } }), undefined, 'format', 'has the id "1"'],
    [
      text('tokenizer.json'),
      '{"eos_token":["</s>"]}',
      'format',
      'tokenizer: eos_token of tokenizer_config.json must be a text or have a content, got ["</s>"]',
    ],
    ...[0, -1, '8', null].map((length): Refusal => {
      return [changed({ pre_tokenizer: { type: 'FixedLength', length } }), undefined, 'format', 'a length from 1, got']
    }),
    [
      changed({ model: { type: 'WordPiece', vocab: { a: 0 }, max_input_chars_per_word: 1e9 } }),
      undefined,
      'format',
      'max_input_chars_per_word of tokenizer.json must be a whole number from 1 to 1024, got 1000000000',
    ],
    [
      changed({
        normalizer: {
          type: 'Sequence',
          normalizers: Array(40).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'aa' }),
        },
      }),
      undefined,
      'unsupported',
      'times as long; 65536 times are the most',
    ],
    ...[
      { pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false } },
      {
        normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { Regex: '(x*)*y' }, content: '' }] },
      },
      { decoder: { type: 'Replace', pattern: { Regex: '\\s*\\s*\\s*x' }, content: '' } },
    ].map((part): Refusal => [changed(part), undefined, 'unsupported', 'could take time without end']),
  ] satisfies Refusal[])('refuses what is no tokenizer, case %#', (json, config, code, message) => {
    expect(() => tokenizerFromJson(json, config)).toThrow(message)
    expect(() => tokenizerFromJson(json, config)).toThrow(expect.objectContaining({ code }))
  })

  it('refuses text that it has no token for', () => {
    const pieces = tokenizerFromJson({ model: { type: 'WordPiece', vocab: { a: 0 }, continuing_subword_prefix: '##' } })
    expect(pieces.encode('a')).toEqual([0])
    expect(() => pieces.encode('b')).toThrow(
      'tokenizer: no token for a part of "b", and the vocabulary has no unknown token',
    )
    const scored = tokenizerFromJson({ model: { type: 'Unigram', unk_id: null, vocab: [['a', -1]] } })
    expect(() => scored.encode('b')).toThrow('tokenizer: no token for a part of "b"')
  })
})

describe('what @huggingface/tokenizers takes on trust', () => {
  const refusal = (parts: Json) => () => tokenizerFromJson({ ...parsed('tokenizer.json'), ...parts })
  const bpe = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] }
  const unigram = { type: 'Unigram', unk_id: 0, vocab: [['a', -1]] }
  const sequence = (type: string, name: string, part: Json, times: number) => {
    return { type, [name]: Array.from({ length: times }, () => part) }
  }
  const template = (single: unknown, ids: unknown) => {
    return { type: 'TemplateProcessing', single, special_tokens: { '<s>': { ids } } }
  }
  const start = [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }]

  it.each<[string, Json, string]>([
    [
      'an algorithm',
      { model: { ...bpe, type: 'Morse' } },
      'model.type of tokenizer.json must be one of BPE, WordPiece,',
    ],
    ['a list of ids', { model: { ...bpe, vocab: [4_294_967_294] } }, 'model.vocab of a "BPE" must be an object'],
    ['an object of scores', { model: { ...unigram, vocab: {} } }, 'model.vocab of a "Unigram" must be a list'],
    ['no merges', { model: { ...bpe, merges: null } }, 'merges of tokenizer.json must be a list, got null'],
    ['half a merge', { model: { ...bpe, merges: ['ab'] } }, 'has "ab", where two tokens with a space between must be'],
    ['mixed merges', { model: { ...bpe, merges: [['a', 'b'], 'a b'] } }, 'has "a b", where a pair of tokens must be'],
    ['a merge to no token', { model: { ...bpe, merges: ['b a'] } }, 'has "b a", but the vocabulary has no "ba"'],
    ['a suffix', { model: { ...bpe, end_of_word_suffix: {} } }, 'end_of_word_suffix of tokenizer.json must be a text'],
    [
      'a WordPiece without its prefix',
      { model: { type: 'WordPiece', vocab: { a: 0 } } },
      'at most 64 characters, got und',
    ],
    ['a score', { model: { ...unigram, vocab: [['a', '1']] } }, 'has ["a", "1"], where a token and its score must be'],
    ['an unk_id', { model: { ...unigram, unk_id: 2 ** 31 } }, 'must be one of its 1 tokens, got 2147483648'],
    ['a token no text has', { added_tokens: [{ id: 0, content: 'a'.repeat(2000) }] }, 'is longer than 1024 characters'],
    [
      'a Prepend',
      { normalizer: { type: 'Prepend' } },
      'prepend of "Prepend" in tokenizer.json must be a text, got und',
    ],
    ['a Split', { pre_tokenizer: { type: 'Split', pattern: {} } }, 'must be a String or a Regex, got {}'],
    [
      'a Strip',
      { decoder: { type: 'Strip', content: 1 } },
      'content of "Strip" in tokenizer.json must be a text, got 1',
    ],
    [
      'bytes of bytes',
      { pre_tokenizer: sequence('Sequence', 'pretokenizers', { type: 'ByteLevel' }, 40) },
      'times as long; 65536 times are the most',
    ],
    [
      'suffixes of suffixes',
      { decoder: sequence('Sequence', 'decoders', { type: 'BPEDecoder' }, 40) },
      'times as long; 65536 times are the most',
    ],
    [
      'a token that is not there',
      { post_processor: template(start, [7]) },
      'puts "<s>" in texts with the id 7, but the vocabulary has no such token',
    ],
    [
      'a token with another id',
      { post_processor: { type: 'BertProcessing', cls: ['a', 1], sep: ['b', 2] } },
      'puts "a" in texts with the id 1, but the vocabulary has it with 65',
    ],
    ['a token without an id', { post_processor: template(start, []) }, 'has no id for "<s>", got undefined'],
    ['a second text', { post_processor: template([{ Sequence: { id: 'B' } }], []) }, 'the Sequence A must be'],
  ])('%s is refused as it is opened', (_, parts, message) => {
    expect(refusal(parts)).toThrow(message)
  })

  it('a $ in a replacement is a $, as in the Rust library', () => {
    const model = { type: 'BPE', vocab: { $: 0, '`': 1, x: 2 }, merges: [], unk_token: null }
    const normalizer = { type: 'Replace', pattern: { String: 'a' }, content: '$`$$' }
    const opened = tokenizerFromJson({ model, normalizer, added_tokens: [] })
    expect(opened.encode('xa')).toEqual([2, 0, 1, 0, 0])
  })

  it('what it throws on a text is an error of this library, with the cause', () => {
    const decoder = { type: 'Sequence', decoders: [null] }
    const opened = tokenizerFromJson({ ...parsed('tokenizer.json'), decoder })
    expect(() => opened.decode([65])).toThrow(
      expect.objectContaining({
        code: 'format',
        cause: expect.any(TypeError) as unknown,
        message: expect.stringContaining('tokenizer: tokenizer.json cannot be used where it decodes') as unknown,
      }),
    )
  })
})

describe('special tokens', () => {
  const read = (name: string) => text(`llama/${name}`)
  const llama = tokenizerFromJson(read('tokenizer.json'), read('tokenizer_config.json'))
  const { vectors } = JSON.parse(read('vectors.json')) as {
    vectors: { text: string; ids: number[]; bare: number[]; decoded: string }[]
  }

  it.each(vectors)(
    'are put around $text as transformers does, and left out on demand',
    ({ text, ids, bare, decoded }) => {
      expect(llama.encode(text)).toEqual(ids)
      expect(llama.encode(text, { addSpecialTokens: true })).toEqual(ids)
      expect(llama.encode(text, { addSpecialTokens: false })).toEqual(bare)
      expect(llama.decode(ids)).toBe(decoded)
    },
  )

  it('refuses other options, and what is no text', () => {
    const encode = (text: unknown, options?: unknown) => llama.encode(text as string, options as object)
    expect(() => encode('a', { add_special_tokens: false })).toThrow('did you mean addSpecialTokens?')
    expect(() => encode('a', false)).toThrow('encode: options must be an object')
    expect(() => encode(3)).toThrow('tokenizer: what is encoded must be a text, got 3')
  })

  it('tells added tokens from learned ones', () => {
    expect(llama.addedIds).toEqual([0, 1, 2])
    expect(llama.eosToken).toBe('</s>')
    const some = tokenizerFromJson(text('tokenizer.json'))
    expect(some.addedIds[1]).toBe(300)
    expect(some.tokensFrom(299).map(({ id }) => id)).toEqual([299, 300, 301])
    expect(some.tokensFrom(302)).toEqual([])
    expect(llama.tokensFrom(0)).toHaveLength(llama.vocabSize)
  })
})

describe('real tokenizers', () => {
  const shared = join(import.meta.dirname, '../../../../shared/tokenizers')

  it.each([
    ['gpt2', 50_257, 50_256],
    ['falcon-7b', 65_024, 11],
  ])('%s encodes every vector', (name, vocabSize, eosTokenId) => {
    const folder = join(shared, name)
    if (!existsSync(folder)) {
      console.warn(`NOT CHECKED: ${name}'s tokenizer and vectors are not on this machine`)
      return
    }
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    const config = existsSync(join(folder, 'tokenizer_config.json')) ? read('tokenizer_config.json') : undefined
    const tokenizer = tokenizerFromJson(read('tokenizer.json'), config)
    const { cases } = JSON.parse(read('vectors.json')) as { cases: { input: string; expected_ids: number[] }[] }
    for (const { input, expected_ids } of cases) {
      expect(tokenizer.encode(input), input).toEqual(expected_ids)
      if (!input.includes('<|endoftext|>') && !input.includes('>>')) expect(tokenizer.decode(expected_ids)).toBe(input)
    }
    expect(tokenizer.vocabSize).toBe(vocabSize)
    expect(tokenizer.eosTokenId).toBe(eosTokenId)
  })

  it('smollm2-135m encodes and decodes every vector of transformers', () => {
    const folder = join(shared, '../models/smollm2-135m')
    if (!existsSync(folder)) {
      console.warn("NOT CHECKED: smollm2-135m's tokenizer and vectors are not on this machine")
      return
    }
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    const tokenizer = tokenizerFromJson(read('tokenizer.json'), read('tokenizer_config.json'))
    const { vectors } = JSON.parse(read('tokenizer-vectors.json')) as {
      vectors: {
        text: string
        ids: number[]
        ids_no_special: number[]
        ids_special_as_text?: number[]
        decoded: string
        decoded_skip_special: string
      }[]
    }
    expect(vectors.length).toBeGreaterThan(10)
    for (const { text, ids, ids_no_special, ids_special_as_text = ids, decoded, decoded_skip_special } of vectors) {
      expect(tokenizer.encode(text, { splitSpecialTokens: true }), text).toEqual(ids_special_as_text)
      expect(tokenizer.decode(ids, { skipSpecialTokens: false }), text).toBe(decoded)
      expect(tokenizer.encode(text), text).toEqual(ids)
      expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(ids_no_special)
      expect(tokenizer.decode(ids), text).toBe(decoded_skip_special)
    }
  })
})
