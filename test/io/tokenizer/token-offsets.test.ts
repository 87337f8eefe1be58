import { describe, expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tokenizerFromJson } from '../../../src/io/tokenizer/tokenizer.ts'
import { tokenLocator } from '../../../src/io/tokenizer/token-offsets.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../../fixtures/tokenizer', path), 'utf8')
const bytes = tokenizerFromJson(read('tokenizer.json'), read('tokenizer_config.json'))
const llama = tokenizerFromJson(read('llama/tokenizer.json'), read('llama/tokenizer_config.json'))

/** The parts of a text that its tokens stand for. */
function parts(tokenizer: typeof bytes, text: string): string[] {
  const ids = tokenizer.encode(text, { addSpecialTokens: false })
  return (tokenizer.offsets?.(text, ids) ?? []).map(([begin, end]) => text.slice(begin, end))
}

describe('offsets', () => {
  it.each([['<|answer|>insulin is a hormone<|endoftext|>'], ["a  b\n\n\tc don't"], ['symptoms of diabetes?'], ['']])(
    'cut %j into its tokens',
    (text) => {
      expect(parts(bytes, text).join('')).toBe(text)
    },
  )

  it('give each piece of a character the whole of it', () => {
    const ids = bytes.encode('a🩺é')
    expect(parts(bytes, 'a🩺é')).toEqual(['a', ...Array<string>(ids.length - 3).fill('🩺'), 'é', 'é'])
    expect(new Set(parts(bytes, 'a\ud83db'))).toEqual(new Set(['a', '\ud83d', 'b']))
  })

  it('leave out the space that a tokenizer of Llama puts in front', () => {
    expect(parts(llama, 'no').join('')).toBe('no')
    expect(parts(llama, ' no').join('')).toBe(' no')
    expect(new Set(parts(llama, 'no 🩺'))).toContain('🩺')
  })

  it('stand in the text as it is given, not as a tokenizer composes or strips it', () => {
    const token = (written: string, isAdded = true) => ({ written, isAdded })
    expect(tokenLocator(null)('cafe\u0301!', [token('caf\u00e9'), token('!')])).toEqual([
      [0, 5],
      [5, 6],
    ])
    expect(tokenLocator(null)('<|end|> \n a', [token('<|end|>'), token('a')])).toEqual([
      [0, 7],
      [10, 11],
    ])
    expect(tokenLocator({ type: 'WordPiece' })('ab', [token('a', false), token('##b', false)])).toEqual([
      [0, 1],
      [1, 2],
    ])
    expect(() => tokenLocator(null)('Abc', [token('abc')])).toThrow('token 0, "abc", is not found in the text')
  })
})

describe('tokenizerFromJson', () => {
  const opened = (config: object) =>
    tokenizerFromJson(read('tokenizer.json'), { eos_token: '<|endoftext|>', ...config })

  it('knows chat templates and special tokens', () => {
    expect(opened({}).chatTemplate).toBeNull()
    expect(opened({ chat_template: 'a' }).chatTemplate).toBe('a')
    const list = [
      { name: 'default', template: 'a' },
      { name: 'rag', template: 'b' },
    ]
    expect(opened({ chat_template: list }).chatTemplate).toEqual({ default: 'a', rag: 'b' })
    expect(() => opened({ chat_template: [3] })).toThrow(
      'chat_template of tokenizer_config.json must be a text, or a list',
    )
    expect(opened({ bos_token: { content: '<s>' }, add_bos_token: true }).specialTokens).toEqual({
      bos_token: '<s>',
      eos_token: '<|endoftext|>',
    })
  })
})
