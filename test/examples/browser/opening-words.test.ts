import { expect, it } from 'vitest'
import type { Download } from '../../../examples/browser/opening.ts'
import type { TrainingPlan } from '../../../examples/browser/model/model-plan.ts'
import { adviceOf, partsOf, planTitle } from '../../../examples/browser/model/plan-words.ts'
import { planWords } from '../../../examples/browser/opening-words.ts'
import { settingsOf } from '../../../examples/browser/settings/chosen-settings.ts'

const settings = settingsOf({}, { learningRate: 0.001, targetModules: 'all-linear' })
const memory = {
  weights: { f32: 50e6, f16: 0, bf16: 0, int8: 0, fourBit: 100e6 },
  ...{ adapter: 10e6, optimizer: 20e6, gradients: 10e6, activations: 200e6, logits: 20e6 },
  ...{ loading: 180e6, total: 412.5e6, largest: { label: 'a table', bytes: 9e6 }, advice: null },
}
const plan: TrainingPlan = { settings, memory, room: 1e9, problem: null, fitting: null }
const download = { bytes: 269e6, missing: 269e6, room: 1e10 }

it('says what a model takes before it is fetched', () => {
  expect(planWords('lab/tiny', 134_515_008, download, plan)).toEqual({
    text:
      'lab/tiny: 134,515,008 parameters, 269.00 MB to fetch. ' +
      'In 4 bits, training it on 4 questions of 256 tokens at once takes at most 412.50 MB of memory.',
    isTooLarge: false,
  })
  const words = (given: Partial<Download>) => planWords('lab/tiny', 7, { ...download, ...given }, plan).text
  expect(words({ missing: 9e6, room: null })).toContain(' 9.00 MB of 269.00 MB are left to fetch. ')
  expect(words({ missing: 0 })).toContain(' 269.00 MB to read. ')
})

it('says where it does not fit, and what to change', () => {
  const fitting = { ...plan, settings: { ...settings, gradientCheckpointing: 'on', batchSize: 1 } as const }
  const tooLarge = {
    ...plan,
    room: 4e8,
    problem: '412 MB are needed',
    fitting: { ...fitting, memory: { ...memory, total: 3e8 } },
  }
  const { text, isTooLarge } = planWords('lab/tiny', 7, { ...download, room: 1e8 }, tooLarge)
  expect(text).toMatch(
    / It does not fit: this browser lets the page keep 100\.00 MB more\. It does not fit: 412\.50 MB are needed, and the engine has 400\.00 MB\. With recomputed activations and 1 questions a step it takes 300\.00 MB, and fits\.$/,
  )
  expect(isTooLarge).toBe(true)
  const none = { ...plan, room: null, problem: 'a table takes 9.00 MB', fitting: null }
  expect(adviceOf(none)).toBe('It does not fit: a table takes 9.00 MB. Choose a smaller model, or another engine.')
  expect(adviceOf(plan)).toBe('')
})

it('shows the parts of a plan, whose sum is the total', () => {
  const parts = partsOf(plan)
  expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(memory.total)
  expect(parts.map(({ label }) => label)).toEqual([
    ...['Weights of the model', 'Adapter', 'Optimizer', 'Gradients', 'Activations', 'Logits', 'All else'],
  ])
  const loaded = { ...memory, adapter: 0, optimizer: 0, gradients: 0, activations: 0, logits: 0, total: 150e6 }
  expect(partsOf({ ...plan, memory: loaded })).toEqual([{ label: 'Weights of the model', bytes: 150e6 }])
  expect(planTitle(plan)).toBe('Memory of a training on 4 questions of 256 tokens at once')
})
