import { expect, it } from 'vitest'
import { writtenPages } from './pages.ts'

/** Rows that name a table's columns: the one above the line of dashes. */
function headersOf(text: string): readonly string[] {
  return [...text.matchAll(/^(\|.*\|)\n\|[ :|-]+\|$/gm)].map(([, header = '']) => header)
}

it('every column of a table has a name, by which a screen reader tells its cells', () => {
  const headers = writtenPages().flatMap(({ name, text }) => headersOf(text).map((header) => [name, header] as const))
  expect(headers.length).toBeGreaterThan(50)
  expect(headers.filter(([, header]) => /\|\s*\|/.test(header))).toEqual([])
})
