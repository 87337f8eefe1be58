import { describe, expect, it } from 'vitest'
import { formatModelCard } from '../../../src/peft/files/model-card.ts'
import { lora } from '../../../src/peft/lora/lora.ts'
import { loraFields } from '../../../src/peft/lora/lora-config.ts'

const card = (baseModelNameOrPath: string | null, content = {}) =>
  formatModelCard(lora, loraFields.read({ baseModelNameOrPath }, 'test', null), content)

describe('a model card', () => {
  it('has the figures of a run, licence and data sets', () => {
    const figures = { Steps: '2 of 2', Seed: 42 }
    expect(card('owner/base', { card: '# Mine\n', figures, license: 'cc-by-4.0', datasets: ['owner/data'] })).toBe(
      '---\nbase_model: owner/base\ndatasets:\n- owner/data\nlibrary_name: peft\nlicense: cc-by-4.0\n' +
        'pipeline_tag: text-generation\ntags:\n- base_model:adapter:owner/base\n- lora\n- transformers\n---\n\n' +
        '# Mine\n\n## Training procedure\n\n| | |\n| --- | --- |\n' +
        '| Adapter | LoRA, r=8 alpha=8 dropout=0 on query_key_value |\n' +
        '| Steps | 2 of 2 |\n| Seed | 42 |\n\n' +
        '### Framework versions\n\n- peft-medaware, in the format of PEFT 0.21.2\n',
    )
  })

  it('is broken by no name', () => {
    const hostile = 'x\n---\n\ntags: [evil]\n<script>alert(1)</script> | [a](b) `c` ```\u0085"""\u2028'
    const text = card(hostile, { figures: { 'a|b\n\n# c': hostile }, license: 'a: b', datasets: ['- x', 'yes', ''] })
    const lines = text.split('\n')
    expect(lines.filter((line) => line === '---')).toHaveLength(2)
    expect(lines.filter((line) => line.startsWith('#'))).toEqual([
      expect.stringMatching(/^# LoRA adapter for x --- tags: \\\[evil\\\] \\<script\\>alert\(1\)/) as string,
      '## Training procedure',
      '### Framework versions',
    ])
    expect(lines.filter((line) => line.startsWith('```'))).toEqual(['```python', '```'])
    expect(lines.filter((line) => line.startsWith('|'))).toHaveLength(4)
    expect(lines).toContain('license: "a: b"')
    expect(lines.filter((line) => line.startsWith('- '))).toEqual(
      expect.arrayContaining(['- "- x"', '- "yes"', '- ""']) as string[],
    )
    const [, front = ''] = text.split('---\n')
    expect(front).toMatch(/^base_model: "x\\n---\\n[^\n]*\\u0085[^\n]*\\u2028"\n/)
    expect(JSON.parse(/^base_model: (.*)$/m.exec(front)?.[1] ?? '')).toBe(hostile)
  })
})
