import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'
import type { ExampleTokenizer } from '../../src/data/example-tokenizer.ts'
import { promptCompletionExample } from '../../src/data/prompt-completion.ts'
import { labelCount } from '../../src/models/example.ts'

const EOS = 2
/** A token for each letter, its code; the end of a text is no letter. */
const tokenizer: ExampleTokenizer = {
  encode: (text) => Array.from(text, (letter) => letter.codePointAt(0) ?? 0),
  decode: (ids) => String.fromCodePoint(...ids),
  eosTokenId: EOS,
  eosToken: String.fromCodePoint(EOS),
}
const codes = (text: string) => tokenizer.encode(text)
const example = (prompt: string, completion: string, maxLength?: number) =>
  promptCompletionExample(tokenizer, { prompt, completion }, maxLength === undefined ? {} : { maxLength })

describe('promptCompletionExample', () => {
  it('masks the prompt and ends the completion', () => {
    expect(example('ab', 'cd')).toEqual({
      inputIds: Int32Array.of(...codes('abcd'), EOS),
      labels: Int32Array.of(-100, -100, ...codes('cd'), EOS),
      bytes: 2,
    })
  })

  it('cuts off what is beyond the length, the end included', () => {
    expect(example('ab', 'cdef', 4)).toEqual({
      inputIds: Int32Array.of(...codes('abcd')),
      labels: Int32Array.of(-100, -100, ...codes('cd')),
      bytes: 2,
    })
    expect(example('ab', 'x'.repeat(2000))?.inputIds).toHaveLength(1024)
    expect(example('ab', 'cdef', 7)?.inputIds.at(-1)).toBe(EOS)
    expect(example('ab', 'cdef', 6)?.inputIds.at(-1)).not.toBe(EOS)
  })

  it('is null where no label is left', () => {
    expect(example('abc', 'd', 3)).toBeNull()
    expect(example('abcd', 'e', 3)).toBeNull()
    expect(example('', '')).toBeNull()
    expect(example('abc', 'd', 4)).not.toBeNull()
  })

  it('counts the bytes of what is predicted: UTF-8, without the end, and without a first token nothing precedes', () => {
    expect(example('a', 'Dé€😀')?.bytes).toBe(1 + 2 + 3 + 4)
    expect(example('a', '')).toMatchObject({ labels: Int32Array.of(-100, EOS), bytes: 0 })
    const bare = example('', 'abc')
    expect(bare).toMatchObject({ labels: Int32Array.of(...codes('abc'), EOS), bytes: 2 })
    expect(bare && labelCount(bare)).toBe(3)
  })

  it('does not end twice what ends already', () => {
    expect(example('a', `b${tokenizer.eosToken}`)?.inputIds).toEqual(Int32Array.of(...codes('ab'), EOS))
  })

  it.each([
    [{ maxLength: -3 }, 'promptCompletionExample: maxLength must be a whole number from 1, got -3'],
    [{ maxLength: NaN }, 'promptCompletionExample: maxLength must be a whole number from 1, got NaN'],
    [{ max_length: 3 }, 'promptCompletionExample: there is no option "max_length"; did you mean maxLength?'],
    [512, 'promptCompletionExample: options must be an object such as { maxLength: … }, got 512'],
  ])('refuses the options %j', (options: unknown, sentence) => {
    const text = { prompt: 'a', completion: 'b' }
    expect(() => promptCompletionExample(tokenizer, text, options as object)).toThrow(sentence)
  })

  it.each([['a text'], [null], [{ question: 'a', answer: 'b' }], [{ prompt: 'a', completion: 3 }]])(
    'refuses %j for a text',
    (text: unknown) => {
      expect(() => promptCompletionExample(tokenizer, text as { prompt: string; completion: string })).toThrow(
        'promptCompletionExample: the text must be an object with the texts prompt and completion, got ',
      )
    },
  )

  it('refuses a tokenizer without an end', () => {
    expect(() => promptCompletionExample({ ...tokenizer, eosTokenId: null }, { prompt: 'a', completion: 'b' })).toThrow(
      expect.objectContaining({
        code: 'config',
        message: 'promptCompletionExample: the tokenizer has no EOS token; name one in tokenizer_config.json',
      }),
    )
  })
})

describe("promptCompletionExample with a tokenizer of Llama's kind", () => {
  const folder = join(import.meta.dirname, '../fixtures/tokenizer/llama')
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const llama = tokenizerFromJson(read('tokenizer.json'), read('tokenizer_config.json'))
  const { trl } = JSON.parse(read('vectors.json')) as {
    trl: { prompt: string; completion: string; ids: number[]; labels: number[] }[]
  }

  it.each(trl)("equals TRL's SFTTrainer for $prompt and $completion", ({ prompt, completion, ids, labels }) => {
    const made = promptCompletionExample(llama, { prompt, completion })
    expect([...(made?.inputIds ?? [])]).toEqual(ids)
    expect([...(made?.labels ?? [])]).toEqual(labels)
  })

  it('warns where a token holds the end of the prompt and the begin of the completion', () => {
    const warnings: string[] = []
    const onWarning = (message: string) => warnings.push(message)
    promptCompletionExample(llama, { prompt: 'Question: yes\nAnswer:', completion: ' no' }, { onWarning })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('has other tokens alone than before its completion, from token 1 on; end it where')
    promptCompletionExample(llama, { prompt: 'Question: yes\nAnswer:', completion: 'no' }, { onWarning })
    expect(warnings).toHaveLength(1)
  })
})
