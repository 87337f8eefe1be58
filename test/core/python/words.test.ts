import { expect, it } from 'vitest'
import { pythonRstrip, pythonStrip, pythonWords } from '../../../src/core/python/words.ts'

it("splits at Python's spaces, which are not JavaScript's", () => {
  // "…".split() of Python 3.11: U+001C and U+0085 are spaces there, U+FEFF and U+200B are none.
  expect(pythonWords(' a\x1cb\x85c\ufeffd\u200be\u00a0 \u3000f\n')).toEqual(['a', 'b', 'c\ufeffd\u200be', 'f'])
  expect(pythonWords(' \t\n')).toEqual([])
  expect(pythonRstrip(' a \x1f\x85\u2003')).toBe(' a')
  expect(pythonRstrip('a\ufeff')).toBe('a\ufeff')
  expect(pythonRstrip(' \n')).toBe('')
  expect(pythonStrip('\x1c \u2003a b\x85 ')).toBe('a b')
  expect(pythonStrip('\ufeffa')).toBe('\ufeffa')
  expect(pythonStrip(' \n')).toBe('')
})
