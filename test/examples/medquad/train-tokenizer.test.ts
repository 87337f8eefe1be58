import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { tokenizerConfig, trainBpeTokenizer, trainMedquadTokenizer } from '../../../examples/medquad/train-tokenizer.ts'
import { pairWith } from './medquad-files.ts'

interface Fixture {
  texts: string[]
  vocabSize: number
  merges: string[]
  vocab: Record<string, number>
  probes: { text: string; ids: number[] }[]
}

/** What Hugging Face's own trainer learned, by make-bpe-fixture.py beside it. */
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/medquad/bpe-hugging-face.json', import.meta.url), 'utf8'),
) as Fixture

describe('trainBpeTokenizer', () => {
  const trained = trainBpeTokenizer(golden.texts, { vocabSize: golden.vocabSize })
  const tokenizer = new Tokenizer(trained, tokenizerConfig())

  it("learns the merges and ids of Hugging Face's trainer", () => {
    expect(trained.model.merges).toEqual(golden.merges)
    expect(trained.model.vocab).toEqual(golden.vocab)
  })

  it('loads in @huggingface/tokenizers, encodes as Hugging Face does and gives every text back', () => {
    for (const { text, ids } of golden.probes) {
      expect(tokenizer.encode(text).ids).toEqual(ids)
      // The library refuses to decode no ids at all.
      if (text !== '') expect(tokenizer.decode(ids)).toBe(text)
    }
  })

  it('can encode every byte, learned from nothing', () => {
    const bare = trainBpeTokenizer([], { vocabSize: 257 })
    expect(Object.keys(bare.model.vocab).length).toBe(257)
    expect(bare.model.merges).toEqual([])
    const bytes = new Tokenizer(bare, tokenizerConfig())
    const text = String.fromCodePoint(...Array.from({ length: 3000 }, (_, at) => at), 0x1f912)
    expect(bytes.encode(text).ids.length).toBe(new TextEncoder().encode(text).length)
    expect(bytes.decode(bytes.encode(text).ids)).toBe(text)
  })

  it('stops where no pair is frequent enough', () => {
    expect(trainBpeTokenizer(['ab cd'], { vocabSize: 300 }).model.merges).toEqual([])
    expect(trainBpeTokenizer(['ab cd'], { vocabSize: 300, minFrequency: 1 }).model.merges).toEqual([
      'a b',
      'c d',
      'Ġ cd',
    ])
  })

  it('gives special tokens the first ids', () => {
    const specialTokens = ['<|endoftext|>', '<|pad|>']
    const two = trainBpeTokenizer(['x'], { vocabSize: 258, specialTokens })
    expect(two.added_tokens.map(({ id, content, special }) => [id, content, special])).toEqual([
      [0, '<|endoftext|>', true],
      [1, '<|pad|>', true],
    ])
    expect(new Tokenizer(two, tokenizerConfig()).encode('a<|pad|>b<|endoftext|>').ids).toEqual([66, 1, 67, 0])
  })

  it('refuses a vocabulary without room for the bytes', () => {
    expect(() => trainBpeTokenizer([], { vocabSize: 256 })).toThrow(
      'trainBpeTokenizer: vocabSize 256 is under 257, the special tokens and bytes',
    )
  })
})

it('trainMedquadTokenizer learns from questions and answers, whatever their order', () => {
  const pairs = [
    pairWith({ question: 'Why fever?', answer: 'A fever is heat.' }),
    pairWith({ question: 'Why heat?', answer: 'Why not?' }),
  ]
  const trained = trainMedquadTokenizer(pairs, { vocabSize: 270 })
  expect(trained).toEqual(
    trainBpeTokenizer(['Why fever?', 'A fever is heat.', 'Why heat?', 'Why not?'], { vocabSize: 270 }),
  )
  expect(trainMedquadTokenizer([...pairs].reverse(), { vocabSize: 270 })).toEqual(trained)
})
