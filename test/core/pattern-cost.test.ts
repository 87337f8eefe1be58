import { describe, expect, it } from 'vitest'
import { checkPatternCost, linearPattern } from '../../src/core/pattern-cost.ts'

const check = (pattern: string) => () => checkPatternCost(pattern, 'tokenizer')

/** What the tokenizers of these models have in tokenizer.json. */
const field: Readonly<Record<string, string>> = {
  'GPT-2': String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  'Llama 3, SmolLM3': String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  'Qwen 2 and 3': String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  GPT4o: String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  'Mistral Nemo': String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  DeepSeek:
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  Bloom: ' ?[^(\\s|[.,!?…。，、।۔،])]+',
  'Falcon 7B': '[0-9][0-9][0-9]',
  CLIP: String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  Albert: String.raw` {2,}`,
  CamemBERT: String.raw`\s{2,}|[\n\r\t]`,
}

describe('checkPatternCost', () => {
  it.each(Object.entries(field))('lets the pattern of %s pass', (_, pattern) => {
    expect(check(pattern)).not.toThrow()
  })

  it.each([
    'a',
    '',
    'a+',
    '(?:ab|c)+',
    '(?<=x)a+',
    'a+b*c?',
    'a+(?:b|c+)?',
    '(?:a?b){1,4}',
    '[^\\]]+',
    '\\(+',
    'a+?',
    '^a+',
  ])('lets %j pass', (pattern) => {
    expect(check(pattern)).not.toThrow()
  })

  it.each([
    ['(a+)+b', 'a repetition without a limit is repeated'],
    ['(a+)+', 'a repetition without a limit is repeated'],
    ['(a*)*$', 'a repetition without a limit is repeated'],
    ['(?:a+){2}', 'a repetition without a limit is repeated'],
    ['(a|a)*b', 'what follows a repetition without a limit can fail'],
    ['(a|aa)+$', 'what follows a repetition without a limit can fail'],
    ['a+b', 'what follows a repetition without a limit can fail'],
    [String.raw`x|\s+$`, 'what follows a repetition without a limit can fail'],
    [String.raw`^\S+|\s+$`, 'what follows a repetition without a limit can fail'],
    [String.raw`\s*\s*\s*x`, 'what follows a repetition without a limit can fail'],
    [String.raw`a+(?=b)`, 'what follows a repetition without a limit can fail'],
    [String.raw`a+(?:b+c)?`, 'what follows a repetition without a limit can fail'],
    // GPT-2's, but nothing takes the white space that it gives back.
    [String.raw`\s*[\r\n]+`, 'what follows a repetition without a limit can fail'],
    [String.raw`(?=a+b)c`, 'it looks ahead or behind without a limit'],
    [String.raw`(?<!a+)c`, 'it looks ahead or behind without a limit'],
    [String.raw`(a+)\1`, 'it refers back to what it has matched'],
    [String.raw`(?<n>a)\k<n>`, 'it refers back to what it has matched'],
    ['(?:a?){30}a{30}', 'it may be gone through in too many ways'],
    ['(?:a|b|ab){20}c', 'it may be gone through in too many ways'],
    ['a{100000}', 'it repeats too often'],
    // In Oniguruma no possessive braces, and braces without a least count.
    ['(?:a{1,30}){1,2}+b', 'what follows a repetition without a limit can fail'],
    ['a{1,30}*b', 'what follows a repetition without a limit can fail'],
    ['a{2,}+', 'a repetition without a limit is repeated'],
    ['(?:a{,50}){,50}b', 'it may be gone through in too many ways'],
    [`(?:a{1,${'0'.repeat(50)}50}){1,50}b`, 'it may be gone through in too many ways'],
    ['(?:){1000000000}', 'it repeats too often'],
    [`(?:){${'9'.repeat(400)}}`, 'it may be gone through in too many ways'],
    // Each space is taken alone, and the rest scanned again.
    [String.raw`\s*[\r\n]+|\s|\s+`, 'what follows a repetition without a limit can fail'],
    [String.raw`\s+|\s*[\r\n]+`, 'what follows a repetition without a limit can fail'],
    ['(?:a{100}){100}', 'it repeats too often'],
  ])('refuses %j', (pattern, reason) => {
    expect(check(pattern)).toThrow(reason)
    expect(check(pattern)).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })

  it.each(['(a', 'a)', '[a', '(?:a|(b)'])('says of %j that it does not parse', (pattern) => {
    expect(check(pattern)).toThrow(expect.objectContaining({ code: 'format' }))
  })

  it('reads a long pattern in little time', () => {
    expect(check('('.repeat(1e6))).toThrow('nests too deep')
    expect(check('a|'.repeat(1e5))).not.toThrow()
  })

  // Where one of them took the square of a run's length, this would not end.
  it.each(Object.entries(field))('goes through long runs with the pattern of %s', (name, pattern) => {
    if (name === 'Bloom') return // Its class within a class is Oniguruma's; the tokenizer rewrites it.
    const regex = new RegExp(pattern.replaceAll('(?i:', '(?:'), 'gu')
    for (const run of [' ', 'A', 'a', '1', '\n', "'", '.', ' \t']) {
      const text = `${run.repeat(200_000)}x`
      expect(text.replaceAll(regex, '').length).toBeLessThanOrEqual(text.length)
    }
  })
})

describe('linearPattern', () => {
  const runs = [String.raw`\s+$`, String.raw`[^\S\n]+$`, String.raw`^\s+|\s+$`, '[ab]+$', String.raw`[\]x]+$`]

  it.each(runs)('finds what %j finds, and is let pass', (pattern) => {
    expect(check(pattern)).not.toThrow()
    const [as, linear] = [new RegExp(pattern, 'gu'), new RegExp(linearPattern(pattern), 'gu')]
    expect(linear.source).not.toBe(as.source)
    for (const text of ['', ' ', ' a ', 'a  ', '  \n ', 'ab ba', 'aab', ' ab  ', 'x]x', '\n\n', 'a b \n a']) {
      expect([...text.matchAll(linear)].map(String), text).toEqual([...text.matchAll(as)].map(String))
      expect(text.split(linear), text).toEqual(text.split(as))
    }
    const long = `${' a]'.repeat(3)}${' '.repeat(300_000)}a${'\n'.repeat(300_000)}x`
    expect(long.replaceAll(linear, '').length).toBeLessThanOrEqual(long.length)
  })

  it('leaves other patterns as they are', () => {
    for (const pattern of ['a+', 'a|b+$', String.raw`\s+(?!\S)`, '(a)+$']) expect(linearPattern(pattern)).toBe(pattern)
  })
})
