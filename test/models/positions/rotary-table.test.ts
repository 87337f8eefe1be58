import { describe, expect, it } from 'vitest'
import { parseRope } from '../../../src/models/positions/rope-config.ts'
import { rotaryFrequencies, RotaryTable } from '../../../src/models/positions/rotary-table.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference } from '../../peft/tiny-falcon.ts'

const fixture = await openFixture('tiny-family/rotary.safetensors')
const [dim, context] = [64, 2048]
const mscales = { mscale: 0.707, mscale_all_dim: 1 }
const kinds = {
  default: { rope_type: 'default' },
  linear: { rope_type: 'linear', factor: 4 },
  llama3: {
    ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
    original_max_position_embeddings: 256,
  },
  dynamic: { rope_type: 'dynamic', factor: 3 },
  yarn: { rope_type: 'yarn', factor: 8, original_max_position_embeddings: 256 },
  'yarn-whole': {
    ...{ rope_type: 'yarn', factor: 40, original_max_position_embeddings: 512, beta_fast: 24, beta_slow: 2 },
    ...{ ...mscales, truncate: false },
  },
  'yarn-factor': { rope_type: 'yarn', factor: 2, original_max_position_embeddings: 1024, attention_factor: 1.25 },
} as const
const names = Object.keys(kinds) as (keyof typeof kinds)[]
const ropeOf = (name: keyof typeof kinds) =>
  parseRope({ rope_parameters: { ...kinds[name], rope_theta: 500000 } }, 'test', dim, context)
const tableOf = (name: keyof typeof kinds) => new RotaryTable(ropeOf(name), dim, context)

describe.each(names)('rotary positions, scaling %s', (name) => {
  it('have transformers’ frequencies', async () => {
    // Those of the dynamic kind hang on the length of the text, by which the angles are made.
    if (name === 'dynamic') return
    const expected = await fixture.readF32(`${name}.frequencies`)
    const actual = rotaryFrequencies(ropeOf(name), dim)
    expect(actual).toHaveLength(32)
    expect(Math.max(...expected.map((value, i) => Math.abs((actual[i] ?? NaN) / value - 1)))).toBeLessThan(3e-7)
  })

  it('have transformers’ cosines and sines', async () => {
    const rows = tableOf(name).rows(0, 4096)
    const [cosines, sines] = [await fixture.readF32(`${name}.cosines`), await fixture.readF32(`${name}.sines`)]
    for (const [i, position] of [1, 1000, 4095].entries()) {
      const row = rows.subarray(dim * position, dim * (position + 1))
      // transformers says each angle twice. Angles are rounded to f32: at 4095 to 2^-12.
      expect(maxDifference(row.slice(0, 32), cosines.slice(64 * i, 64 * i + 32))).toBeLessThan(5e-4)
      expect(maxDifference(row.slice(32), sines.slice(64 * i, 64 * i + 32))).toBeLessThan(5e-4)
    }
  })

  it('are the same however the table grew', () => {
    const whole = tableOf(name).rows(0, 50)
    const table = tableOf(name)
    expect([...table.rows(0, 7), ...table.rows(7, 1), ...table.rows(8, 42)]).toEqual([...whole])
  })
})

describe('dynamic rotary positions', () => {
  it('hang on the length alone, beyond the context', () => {
    const [table, plain] = [tableOf('dynamic'), tableOf('default')]
    expect(table.rows(0, context)).toEqual(plain.rows(0, context))
    const long = table.rows(0, context + 1)
    expect(long.subarray(dim, 2 * dim)).not.toEqual(plain.rows(1, 1))
    expect(table.rows(context, 1)).toEqual(long.subarray(-dim))
    // A shorter text after a longer one is as it was; transformers keeps the longer one's angles until it is below the
    // context.
    expect(table.rows(0, 3)).toEqual(plain.rows(0, 3))
  })
})

it('refuse what gives no numbers', () => {
  const scaling = { type: 'linear', factor: 0 } as const
  expect(() => new RotaryTable({ theta: 10000, scaling }, dim, context)).toThrow(
    'rotary positions: {"theta":10000,"scaling":{"type":"linear","factor":0}} gives frequencies that are no numbers',
  )
})
