import { describe, expect, it } from 'vitest'
import { rotaryFrequencies, RotaryTable } from '../../src/models/rotary-table.ts'
import type { RopeConfig } from '../../src/models/rope-config.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { maxDifference } from '../peft/tiny-falcon.ts'

const fixture = await openFixture('tiny-family/rotary.safetensors')
const llama3 = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 256 }
const kinds: readonly (readonly [string, RopeConfig])[] = [
  ['default', { theta: 500000, scaling: null }],
  ['linear', { theta: 500000, scaling: { type: 'linear', factor: 4 } }],
  ['llama3', { theta: 500000, scaling: { type: 'llama3', ...llama3 } }],
]

describe.each(kinds)('rotary positions, scaling %s', (name, rope) => {
  it('have transformers’ frequencies', async () => {
    const expected = await fixture.readF32(`${name}.frequencies`)
    const actual = rotaryFrequencies(rope, 64)
    expect(actual).toHaveLength(32)
    expect(Math.max(...expected.map((value, i) => Math.abs((actual[i] ?? NaN) / value - 1)))).toBeLessThan(3e-7)
  })

  it('have transformers’ cosines and sines', async () => {
    const table = new RotaryTable(rope, 64)
    const [cosines, sines] = [await fixture.readF32(`${name}.cosines`), await fixture.readF32(`${name}.sines`)]
    for (const [i, position] of [1, 1000, 4095].entries()) {
      const row = table.rows(position, 1)
      // transformers says each angle twice. Angles are rounded to f32: at 4095 to 2^-12.
      expect(maxDifference(row.slice(0, 32), cosines.slice(64 * i, 64 * i + 32))).toBeLessThan(5e-4)
      expect(maxDifference(row.slice(32), sines.slice(64 * i, 64 * i + 32))).toBeLessThan(5e-4)
    }
  })

  it('are the same however the table grew', () => {
    const whole = new RotaryTable(rope, 64).rows(0, 50)
    const table = new RotaryTable(rope, 64)
    expect([...table.rows(0, 7), ...table.rows(7, 1), ...table.rows(8, 42)]).toEqual([...whole])
  })
})
