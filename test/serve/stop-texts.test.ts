import fc from 'fast-check'
import { expect, it } from 'vitest'
import { StopTexts } from '../../src/serve/answer/stop-texts.ts'

it('cuts at the first stop wherever a text is split, and holds nothing else back for good', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 12 })
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  })
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stops, (pieces, texts) => {
      const cutter = new StopTexts(texts)
      const told = pieces.map((piece) => cutter.push(piece)).join('') + cutter.end()
      const whole = pieces.join('')
      // What ends first decides; a text comes from left to right.
      const ends = texts.map((text) => ({ at: whole.indexOf(text), text })).filter(({ at }) => at >= 0)
      if (ends.length === 0) expect([told, cutter.isOver]).toEqual([whole, false])
      else {
        expect(cutter.isOver).toBe(true)
        expect(whole.startsWith(told)).toBe(true)
        expect(texts.some((text) => told.includes(text))).toBe(false)
        expect(texts.some((text) => whole.startsWith(text, told.length))).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})
