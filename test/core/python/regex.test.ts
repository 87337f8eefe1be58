import { describe, expect, it } from 'vitest'
import { PythonRegex } from '../../../src/core/python/regex/python-regex.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

interface Golden {
  readonly texts: readonly string[]
  /**
   * A pattern and, a digit a text, 2 where it matches all, 1 where it matches the beginning; null where Python refuses
   * it.
   */
  readonly cases: readonly (readonly [string, string | null])[]
  readonly groups: readonly (readonly [string, string, Readonly<Record<string, string | null>>])[]
}

const golden = JSON.parse(new TextDecoder().decode(await readFixture('python-regex.json'))) as Golden
const steps = (left = 1e7) => ({ left })
const of = (pattern: string) => new PythonRegex(pattern, `the pattern ${JSON.stringify(pattern)}`)

/** Legal in Python and refused here, by design. */
const lacking = (pattern: string) => pattern.includes('\\N{')

describe('PythonRegex answers as Python', () => {
  it.each(golden.cases.filter(([pattern, verdicts]) => verdicts !== null && !lacking(pattern)))(
    '%j',
    (pattern, verdicts) => {
      const regex = of(pattern)
      const answer = (text: string) => {
        if (regex.matchesAll(text, steps())) return '2'
        return regex.matchStart(text, steps()) === null ? '0' : '1'
      }
      expect(golden.texts.map(answer).join('')).toBe(verdicts)
    },
  )

  it.each(golden.cases.filter(([, verdicts]) => verdicts === null))('refuses %j', (pattern) => {
    expect(() => of(pattern)).toThrow(expect.objectContaining({ code: 'config' }) as Error)
  })

  it.each(golden.groups)('groups of %j in %j', (pattern, text, groups) => {
    const found = Object.entries(of(pattern).matchStart(text, steps()) ?? {})
    expect(Object.fromEntries(found.map(([name, part]) => [name, part ?? null]))).toEqual(groups)
  })

  it.each([
    ['(dense', 'the pattern "(dense" is no regular expression of Python\'s: a ( without its )'],
    ['dense)', 'a ) without its ('],
    ['a(?i)b', 'flags such as (?i) that are not at its start'],
    ['(?<n>a)', '(?<n, which is none of its groups; a name is (?P<…>…)'],
    ['\\p{L}', 'the escape \\p'],
    ['[z-a]', 'the range z-a'],
    ['a**', '* behind another repeat'],
    ['*a', 'nothing before * to repeat'],
    ['(?P=n)', 'there is no group named n'],
    ['(?<=a*)b', 'a look behind without a fixed width'],
    ['a{2,1}', 'the repeat {2,1}'],
  ])('says why %j is none', (pattern, reason) => {
    expect(() => of(pattern)).toThrow(reason)
  })
})

describe('a hostile pattern', () => {
  const long = `${'a'.repeat(5000)}!`

  it.each([
    '(a+)+$',
    '(a|aa)+$',
    '(a|a)*$',
    '(.*)*b',
    '(a*)*b',
    '(?:a?){500}b',
    '(?=(a+)+b)a*',
    '((a+)+)+b',
    '(?>(?:a+)+b)',
  ])('%s takes time in proportion to the text', (pattern) => {
    const budget = steps(1e8)
    expect(of(pattern).matchesAll(long.slice(-1001), budget)).toBe(false)
    expect(1e8 - budget.left).toBeLessThan(5e6)
  })

  it('with a reference is given up when its steps are spent', () => {
    const budget = steps(1e6)
    expect(() => of('(a+)+\\1b').matchesAll(long, budget)).toThrow(
      'the pattern "(a+)+\\\\1b" takes too many steps to match; write it without repeats in repeats',
    )
  })

  it.each([
    ['(?:(?:(?:a{1000}){1000}){1000}){1000}', 'is too large a regular expression: more than 50000 steps'],
    ['(?:(?:(?:){100000}){100000}){100000}', 'is too large a regular expression'],
    ['('.repeat(5000) + ')'.repeat(5000), 'has groups more than 100 deep'],
    ['(?:'.repeat(101) + ')'.repeat(101), 'has groups more than 100 deep'],
    ['a|'.repeat(50_000), 'is too large a regular expression'],
    ['a|'.repeat(200_000), 'is too long a regular expression: 400000 characters, of 100000 at most'],
  ])('%.40s is refused', (pattern, reason) => {
    expect(() => new PythonRegex(pattern, 'it')).toThrow(reason)
    expect(() => new PythonRegex(pattern, 'it')).toThrow(expect.objectContaining({ code: 'unsupported' }) as Error)
  })

  it('of 100 groups deep is none', () => {
    expect(of(`${'('.repeat(100)}a${')'.repeat(100)}`).matchesAll('a', steps())).toBe(true)
  })
})
