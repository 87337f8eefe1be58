import { expect, it } from 'vitest'
import type { Plan } from '../../../examples/browser/opening.ts'
import { planWords } from '../../../examples/browser/opening-words.ts'

const settings = { steps: 100, batchSize: 4, learningRate: 0.001, rank: 16, maxLength: 256 }
const plan: Plan = {
  ...{ parameters: 134_515_008, bytes: 269e6, missing: 269e6, room: 1e10, memory: 412.5e6 },
  ...{ settings, advice: null },
}

it('says what a model takes before it is fetched', () => {
  expect(planWords('lab/tiny', plan)).toEqual({
    text:
      'lab/tiny: 134,515,008 parameters, 269.00 MB to fetch. ' +
      'In 4 bits, training it on 4 questions of 256 tokens at once takes at most 412.50 MB of memory.',
    isTooLarge: false,
  })
  expect(planWords('lab/tiny', { ...plan, missing: 9e6, room: null }).text).toContain(
    '9.00 MB of 269.00 MB are left to fetch. ',
  )
})

it('says where it does not fit', () => {
  const { text, isTooLarge } = planWords('lab/tiny', {
    ...plan,
    room: 1e8,
    advice: '9 GB are needed, the CPU has 4 GB',
  })
  expect(text).toMatch(/ It does not fit: this browser lets the page keep 100\.00 MB more\. It does not fit: 9 GB are/)
  expect(isTooLarge).toBe(true)
})
