import { describe, expect, it } from 'vitest'
import { fencesOf } from './fences.ts'
import { pageAt } from './pages.ts'
import { errorCodes, provokedError } from './provoked-errors.ts'

/** What a code's section of the page shows, and which other words it has. */
const sections = new Map(
  pageAt('docs/reference/errors.md')
    .text.split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n')[0] ?? '', section] as const),
)
/** Bytes in use are another machine's. */
const withoutSizes = (sentence: string) =>
  sentence
    .replaceAll(/\d{5,}/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim()

describe('docs/reference/errors.md', () => {
  it('has a section for each code, and no other', () => {
    expect([...sections.keys()].map((name) => name.replaceAll('`', ''))).toEqual(errorCodes)
  })

  it.each(errorCodes)('shows what %s says, its cause and its remedy', async (code) => {
    const section = sections.get(`\`${code}\``) ?? ''
    const [shown] = fencesOf(section)
    expect(withoutSizes(shown?.body ?? '')).toBe(withoutSizes((await provokedError(code)).message))
    expect(section).toMatch(/^\*\*Cause\.\*\* /m)
    expect(section).toMatch(/^\*\*Remedy\.\*\* /m)
  })
})
