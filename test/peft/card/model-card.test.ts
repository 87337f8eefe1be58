import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { CardContent } from '../../../src/peft/card/card-content.ts'
import { isHubLicense, isHubName } from '../../../src/peft/card/hub-words.ts'
import { formatModelCard, isUnedited } from '../../../src/peft/card/model-card.ts'
import { lora } from '../../../src/peft/lora/lora.ts'
import { loraFields } from '../../../src/peft/lora/lora-config.ts'
import { wholeCard } from './whole-card.ts'

const card = (baseModelNameOrPath: string | null, content: CardContent = {}, revision: string | null = null) =>
  formatModelCard(lora, loraFields.read({ baseModelNameOrPath, revision }, 'test', null), content)
const metadata = (text: string) => parse(text.split('---\n')[1] ?? '') as Record<string, unknown>

describe('a model card', () => {
  it('has a disclaimer on top, data, training, and figures beside baselines', () => {
    const text = card('owner/base', wholeCard, 'v2')
    const lines = text.split('\n')
    expect(lines.filter((line) => /^#{1,2} /.test(line))).toEqual([
      ...['# LoRA adapter for owner/base', '## Uses', '## Limitations', '## How to use it', '## Training data'],
      ...['## Training procedure', '## Evaluation'],
    ])
    expect(lines.indexOf('> [!WARNING]')).toBe(lines.indexOf('# LoRA adapter for owner/base') + 2)
    for (const line of [
      '- Base model: owner/base, revision v2',
      '- Children.',
      '| Attribution | Ben Abacha \\& Demner-Fushman 2019 |',
      '| Training pairs | 14,000 |',
      '| Adapter | LoRA, r=8 alpha=8 dropout=0 on query_key_value |',
      '| Code, commit | c0ffee |',
      '| Task | Measure | n | **With this adapter** | Base without adapter | Chance |',
      '| pubmedqa (qiaojin/PubMedQA, test) | accuracy | 500 | **0.6100 (0.5660 to 0.6520)** | 0.5500 (0.5100 to 0.5900) | 0.3333 |',
      '| held-out answers | loss |  | **2.5000** |  |  |',
      '- pubmedqa, accuracy: p = 0.01',
      'base = AutoModelForCausalLM.from_pretrained("owner/base", revision="v2")',
      `const { model, tokenizer } = await loadModel("owner/base@v2", { device })`,
    ]) {
      expect(lines).toContain(line)
    }
    expect(text).toContain("intervals; Wilson's.")
    const { 'model-index': index, ...rest } = metadata(text)
    expect(rest).toEqual({
      ...{ base_model: 'owner/base', datasets: ['lavita/MedQuAD'], language: ['en'], library_name: 'peft' },
      ...{ license: 'cc-by-4.0', pipeline_tag: 'text-generation' },
      tags: ['base_model:adapter:owner/base', 'lora', 'transformers', 'peft-medaware', 'medical', 'demonstration'],
    })
    expect(index).toMatchObject([
      {
        results: [
          { dataset: { type: 'qiaojin/PubMedQA', split: 'test' }, metrics: [{ type: 'accuracy', value: 0.61 }] },
          { dataset: { name: 'held-out answers', type: 'held-out-answers' }, metrics: [{ type: 'loss', value: 2.5 }] },
        ],
      },
    ])
  })

  it('says what is not known, and makes nothing up', () => {
    const text = card(null)
    expect(text.match(/Not stated\./g)).toHaveLength(4)
    expect(text).toContain('- Base model: not stated\n- Licence: not stated')
    expect(text).toContain('how good it is, is unknown')
    expect(text).not.toContain('WARNING')
    expect(metadata(text)).toEqual({
      library_name: 'peft',
      pipeline_tag: 'text-generation',
      tags: ['lora', 'transformers', 'peft-medaware'],
    })
  })

  it('gives the Hub only words that it takes', () => {
    const text = card('/home/somebody/models/base', { license: 'My licence, v2', datasets: ['./rows', 'a/b'] })
    expect(text).toContain('# LoRA adapter for base\n')
    expect(metadata(text)).toMatchObject({
      ...{ license: 'other', license_name: 'my-licence-v2', datasets: ['a/b'] },
      tags: ['lora', 'transformers', 'peft-medaware'],
    })
    expect(metadata(text)).not.toHaveProperty('base_model')
    expect(metadata(card('a/b', { license: 'MIT' }))).toMatchObject({ license: 'mit' })
    const names = ['gpt2', 'owner/name', './x', 'a/b/c', 'C:\\x', '/x', 'a/..', 'x.git']
    expect(names.map(isHubName)).toEqual([true, true, false, false, false, false, false, false])
    const types = readFileSync('node_modules/@huggingface/hub/src/types/public.ts', 'utf8')
    const [, listed = ''] = /export type License =([^;]+);/.exec(types) ?? []
    const licenses = [...listed.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name)
    expect(licenses.length).toBeGreaterThan(60)
    expect(licenses.filter((name) => !isHubLicense(name))).toEqual([])
  })

  it('is broken by no name', () => {
    const hostile = 'x\n---\n\ntags: [evil]\n<script>alert(1)</script> | [a](b) `c` ```\u0085"""\u2028# d'
    const text = card(`a/b/${hostile}`, {
      ...{ figures: { 'a|b\n\n# c': hostile }, license: 'a: b', tags: ['- x', 'yes', ''] },
      ...{ limitations: ['# no', '1. no', hostile], trainingData: { name: hostile, url: 'javascript:alert(1)' } },
      results: [{ task: hostile, metric: hostile, figure: { value: 1 }, baselines: { [hostile]: { value: 2 } } }],
    })
    const lines = text.split('\n')
    expect(lines.filter((line) => line === '---')).toHaveLength(2)
    expect(lines.filter((line) => line.startsWith('#')).map((line) => line.slice(0, 24))).toEqual([
      ...['# LoRA adapter for scrip', '## Uses', '### Intended use', '### Out of scope', '## Limitations'],
      ...['## How to use it', '## Training data', '## Training procedure', '### Environmental impact'],
      ...['## Evaluation', '### Framework versions'],
    ])
    expect(lines.filter((line) => line.startsWith('```'))).toEqual(['```python', '```', '```js', '```'])
    const prose = text
      .split('---\n')
      .at(-1)
      ?.replaceAll(/```[^]*?\n```/g, '')
    expect(prose).not.toMatch(/(?<!\\)<script/)
    expect(lines).toContain('- \\# no')
    expect(lines).toContain('- 1\\. no')
    expect(metadata(text)).toMatchObject({
      tags: ['lora', 'transformers', 'peft-medaware', '- x', 'yes', ''],
      'model-index': [{ results: [{ task: { name: hostile }, metrics: [{ name: hostile }] }] }],
    })
  })

  it('is known as unedited until somebody edits it', () => {
    const text = card('owner/base', wholeCard)
    expect(isUnedited(text)).toBe(true)
    expect(isUnedited(text.replaceAll('\n', '\r\n'))).toBe(true)
    expect(isUnedited(text.replace('QLoRA', 'QLoRa'))).toBe(false)
    expect(isUnedited(`${text}More.\n`)).toBe(false)
    expect(isUnedited('')).toBe(false)
  })
})
