import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { DryDevice } from '../../src/device/dry-device.ts'
import { dryWeights } from '../../src/io/plan/dry-weights.ts'
import { createModel, modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import { attachUnstarted, type PlannedAdapter } from '../../src/peft/attach.ts'
import { falconRw1b } from './falcon-rw-1b.ts'

const targetModules = ['query_key_value']

/** The rows of the table in docs/guides/choose-a-method.md, by what they begin with. */
const configs: Readonly<Record<string, PlannedAdapter>> = {
  LoRA: {},
  '… all-linear': { targetModules: 'all-linear' },
  '… rsLoRA': { useRslora: true },
  '… `loraBias`': { loraBias: true },
  '… PiSSA': { initLoraWeights: 'pissa' },
  '… OLoRA': { initLoraWeights: 'olora' },
  DoRA: { useDora: true },
  AdaLoRA: { peftType: 'ADALORA', targetModules, totalStep: 1000 },
  '(IA)³': { peftType: 'IA3' },
  VeRA: { peftType: 'VERA', targetModules },
  LoHa: { peftType: 'LOHA', targetModules },
  LoKr: { peftType: 'LOKR', targetModules },
  OFT: { peftType: 'OFT', targetModules },
  tokens: { peftType: 'TRAINABLE_TOKENS', tokenIndices: [5] },
  'LN tuning': { peftType: 'LN_TUNING', targetModules: ['input_layernorm', 'post_attention_layernorm', 'ln_f'] },
}

const page = await readFile(new URL('../../docs/guides/choose-a-method.md', import.meta.url), 'utf8')
const rows = page.split('\n').flatMap((line) => {
  const [, name = '', , , trained = ''] = line.split('|').map((cell) => cell.trim())
  const count = Number(trained.replaceAll(',', ''))
  return count > 1000 ? [[name, count] as const] : []
})

/** What a config trains of Falcon-RW-1B. */
function trainedBy(config: PlannedAdapter): number {
  const device = new DryDevice('cpu')
  const parsed = parseModelConfig(falconRw1b)
  const model = createModel(parsed, dryWeights(device, modelWeights(parsed), { dtype: 'f32', quantize: false }))
  const adapter = attachUnstarted(model, config, 'adapter-table')
  return [...adapter.namedTrainableParameters().values()].reduce((sum, { count }) => sum + count, 0)
}

describe('the table of docs/guides/choose-a-method.md', () => {
  it('has a row for each method', () => {
    expect(rows.map(([name]) => name)).toEqual(expect.arrayContaining(Object.keys(configs)))
  })

  it.each(rows.filter(([name]) => name in configs))('%s trains %i numbers', (name, count) => {
    expect(trainedBy(configs[name] ?? {})).toBe(count)
  })
})
