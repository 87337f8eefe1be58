import { afterAll, describe, expect, it } from 'vitest'
import { attentionTable, causalRanges } from '../../../src/device/register/attention-table.ts'
import { alibiPositions, alibiSlopes } from '../../../src/models/positions/alibi.ts'
import { fromArray, zeros } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'

const fixture = await openFixture('ops.safetensors')
const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe('alibiSlopes', () => {
  it.each([1, 4, 6, 20, 32, 71])('are transformers’, to the bit, for %i heads', async (heads) => {
    expect(alibiSlopes(heads)).toEqual(await fixture.readF32(`alibi.slopes.${heads}`))
  })

  it('are the bfloat16 numbers of Falcon-RW-1B', () => {
    const slopes = [...alibiSlopes(32)]
    expect(slopes.slice(0, 8)).toEqual([0.83984375, 0.70703125, 0.59375, 0.5, 0.419921875, 0.353515625, 0.296875, 0.25])
    expect(slopes.slice(4)).toEqual(slopes.slice(0, -4).map((slope) => slope / 2))
    expect(slopes.at(-1)).toBe(0.00390625)
  })
})

describe('alibiPositions', () => {
  it('are each row’s count of tokens, which padding interrupts', () => {
    expect([...alibiPositions(2, 5, Uint8Array.of(0, 0, 1, 1, 1, 1, 1, 0, 1, 1))]).toEqual([
      ...[0, 0, 0, 1, 2],
      ...[0, 1, 0, 2, 3],
    ])
    expect([...alibiPositions(2, 3)]).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('are rounded to bfloat16 past 256', () => {
    expect([...alibiPositions(1, 265)].slice(255)).toEqual([255, 256, 256, 258, 260, 260, 260, 262, 264, 264])
  })
})

describe.each(devices)('what attention adds to scores, on $description', (device) => {
  it('is transformers’ bias over 300 keys, also behind left padding', async () => {
    const [rows, heads] = [600, 6]
    const mask = new Uint8Array(rows).fill(1).fill(0, 300, 340)
    const expected = await fixture.readF32('alibi.padded')
    const scope = device.memory.open()
    const numbers = attentionTable({
      samples: rows,
      queries: 1,
      keys: 1,
      ranges: causalRanges(rows, 1, 1),
      mask,
      alibi: { slopes: alibiSlopes(heads), positions: alibiPositions(2, 300, mask) },
    })
    const table = fromArray(device, numbers, [numbers.length], 'table')
    const [q, k, v] = ['q', 'k', 'v'].map((name) => zeros(device, [rows, heads, 1, 1], name)) as [never, never, never]
    const [out, stats] = [zeros(device, [rows, heads], 'out'), zeros(device, [rows, heads, 2], 'stats')]
    // Each row sees one key, and scores nothing but the bias: that is the log-sum-exp.
    const sizes = { batch: rows, heads, kvHeads: heads, queries: 1, keys: 1, capacity: 1, dim: 1 }
    device.run(
      'attention',
      { q, k, v, table, out, stats },
      { ...sizes, isFused: 0, hasAlibi: 1, hasHoles: 1, first: 0, scale: 1, alibiScale: 0.25 },
    )
    const got = await stats.read()
    scope.close()
    for (let i = 0; i < rows * heads; i++) {
      const [row, head] = [Math.floor(i / heads), i % heads]
      const bias = expected[(Math.floor(row / 300) * heads + head) * 300 + (row % 300)] ?? NaN
      // Within f32's rounding: the CPU counts in powers of two.
      const wanted = mask[row] === 0 ? 0 : bias / 4
      expect(Math.abs((got[2 * i] ?? NaN) - wanted), `key ${row}, head ${head}`).toBeLessThanOrEqual(wanted * 2e-7)
    }
  })
})
