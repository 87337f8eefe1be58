import { afterAll, describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { fuzz, type FuzzTarget } from './fuzz.ts'
import { adapterConfig, archive, config, index, safetensors, tokenizer } from './targets.ts'

const packed = archive()
afterAll(() => {
  packed.remove()
})

it.each([safetensors, index, config, adapterConfig, packed, tokenizer])(
  '$name: 200 inputs are read or refused',
  async (target) => {
    const { failures, read, refused } = await fuzz(target, 1, 200)
    expect(failures).toEqual([])
    expect(read + refused).toBe(200)
  },
)

describe('what is neither read nor refused is told, with its number and itself', () => {
  const target = (read: (input: number) => unknown): FuzzTarget => ({
    name: 'bytes',
    make: (random) => Uint8Array.of(97 + random.below(3)),
    read: ([input = 0]) => read(input),
  })

  it('an error that is not the library’s', async () => {
    const { failures, read, refused } = await fuzz(
      target((input) => {
        if (input === 97) throw new TypeError('oh')
        if (input === 98) throw new MedAwareError('format', 'no')
      }),
      5,
      12,
    )
    expect(failures.length).toBeGreaterThan(1)
    expect(failures[0]).toMatch(/^bytes, seed 5, input \d+ threw TypeError: oh\n[^]*\n"a"$/)
    expect(failures.length + read + refused).toBe(12)
    const at = Number(/input (\d+)/.exec(failures[0] ?? '')?.[1])
    expect(
      (
        await fuzz(
          target(() => undefined),
          5,
          1,
          at,
        )
      ).read,
    ).toBe(1)
  })

  it('one that takes a second', async () => {
    const wait = () => {
      for (const end = performance.now() + 1050; performance.now() < end;);
    }
    expect((await fuzz(target(wait), 5, 1)).failures).toEqual([
      expect.stringMatching(/^bytes, seed 5, input 0 took 1\d+ ms\n/),
    ])
  })
})
