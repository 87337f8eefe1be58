import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tokenizerFromJson } from '../../src/hub/tokenizer.ts'

type Json = Record<string, unknown>

const here = join(import.meta.dirname, '../fixtures/tokenizer')
const text = (name: string) => readFileSync(join(here, name), 'utf8')
const parsed = (name: string) => JSON.parse(text(name)) as Json
const { vocab_size, vectors } = parsed('vectors.json') as {
  vocab_size: number
  vectors: { text: string; ids: number[]; decoded: string }[]
}

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
    ['{', undefined, 'format', 'tokenizer: tokenizer.json is not JSON'],
    [
      '{}',
      undefined,
      'format',
      'tokenizer: tokenizer.json has no model.vocab; give the file that Hugging Face tokenizers writes',
    ],
    [text('tokenizer.json'), '<html>', 'format', 'tokenizer: tokenizer_config.json is not JSON'],
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
  ])('refuses what is no tokenizer, case %#', (json, config, code, message) => {
    expect(() => tokenizerFromJson(json, config)).toThrow(expect.objectContaining({ code, message }))
  })

  it('refuses text that it has no token for', () => {
    const pieces = tokenizerFromJson({ model: { type: 'WordPiece', vocab: { a: 0 }, continuing_subword_prefix: '##' } })
    expect(pieces.encode('a')).toEqual([0])
    expect(() => pieces.encode('b')).toThrow(
      'tokenizer: no token for a part of "b", and the vocabulary has no unknown token',
    )
  })
})

describe('real tokenizers', () => {
  const shared = join(import.meta.dirname, '../../../shared/tokenizers')

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
})
