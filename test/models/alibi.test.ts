import { describe, expect, it } from 'vitest'
import { alibiKeyBias, alibiSlopes } from '../../src/models/alibi.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

const fixture = await openFixture('ops.safetensors')

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

describe('alibiKeyBias', () => {
  it('is transformers’ over 300 keys, also behind left padding', async () => {
    const mask = new Uint8Array(600).fill(1).fill(0, 300, 340)
    const expected = await fixture.readF32('alibi.padded')
    const bias = alibiKeyBias(2, 300, 6, 16, mask)
    expect(bias).toHaveLength(expected.length)
    bias.forEach((value, i) => {
      const [row, key] = [Math.floor(i / 1800), i % 300]
      if (row === 1 && key < 40) expect(value).toBe(Math.fround(-3e38))
      else expect(value).toBe((expected[i] ?? NaN) / 4)
    })
  })

  it('rounds positions past 256 to bfloat16', () => {
    const head0 = alibiKeyBias(1, 263, 32, 1)
    expect([...head0.subarray(250, 263)]).toEqual([210, 211, 212, 212, 213, 214, 215, 215, 217, 218, 218, 218, 220])
  })

  it('is divided by the root of the head’s channels, and the same for every row without a mask', () => {
    const [plain, scaled] = [alibiKeyBias(1, 9, 4, 1), alibiKeyBias(2, 9, 4, 64)]
    expect([...scaled]).toEqual([...plain, ...plain].map((value) => value / 8))
  })
})
