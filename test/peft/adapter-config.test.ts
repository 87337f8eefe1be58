import { describe, expect, it } from 'vitest'
import { formatAdapterConfig, parseAdapterConfig } from '../../src/peft/adapter-config.ts'
import { loraConfig } from '../../src/peft/lora-config.ts'
import { tinyText } from './tiny-falcon.ts'

const kinds = ['lora', 'lora-all-linear', 'rslora', 'lora-patterns', 'lora-bias', 'lora-bias-all']

const parse = (fields: object) => parseAdapterConfig({ peft_type: 'LORA', ...fields })

describe('formatAdapterConfig', () => {
  it.each(kinds)('writes %s as PEFT did, byte for byte', async (kind) => {
    const text = await tinyText(`adapters/${kind}/adapter_config.json`)
    const { config, ignored } = parseAdapterConfig(text)
    expect(formatAdapterConfig(config)).toBe(text)
    expect(ignored).toEqual([])
  })

  it('writes floats and text outside ASCII as Python does', () => {
    const text = formatAdapterConfig(
      loraConfig({ loraDropout: 0.00005, loraAlpha: 16.5, rankPattern: { b: 1, a: 2 }, baseModelNameOrPath: 'é/"ü"' }),
    )
    // json.dumps({...}, indent=2, sort_keys=True) of the same values.
    expect(text).toContain('  "lora_dropout": 5e-05,\n')
    expect(text).toContain('  "lora_alpha": 16.5,\n')
    expect(text).toContain('  "rank_pattern": {\n    "a": 2,\n    "b": 1\n  },\n')
    expect(text).toContain('  "base_model_name_or_path": "\\u00e9/\\"\\u00fc\\"",\n')
    expect(formatAdapterConfig(loraConfig({ loraDropout: 0.05 }))).toContain('  "lora_dropout": 0.05,\n')
  })
})

describe('parseAdapterConfig', () => {
  it('takes an old file, of fewer fields', () => {
    const { config, ignored } = parse({ r: 16, lora_alpha: 32, target_modules: ['dense'], rank_pattern: null })
    expect(config).toEqual(loraConfig({ r: 16, loraAlpha: 32, targetModules: ['dense'], taskType: null }))
    expect(ignored).toEqual([])
  })

  it('lists fields it does not know, where they say something', () => {
    const { ignored } = parse({ future: null, other: {}, none: false, strength: 2, targetModules: ['dense'] })
    expect(ignored).toEqual(['strength', 'targetModules'])
  })

  it.each<[string, object | string, string]>([
    ['format', '{"peft_type":', 'adapter_config.json: is not JSON'],
    ['format', '[]', 'adapter_config.json: must be a JSON object'],
    ['unsupported', {}, 'adapter_config.json: peft_type is missing; only "LORA" is supported'],
    ['unsupported', { peft_type: 'IA3' }, 'adapter_config.json: peft_type "IA3"; only "LORA" is supported'],
    ['config', { peft_type: 'LORA', r: '8' }, 'adapter_config.json: r must be a positive integer, got "8"'],
    [
      'config',
      { peft_type: 'LORA', lora_alpha: null },
      'adapter_config.json: lora_alpha must be a finite number, got null',
    ],
    [
      'unsupported',
      { peft_type: 'LORA', use_dora: true },
      'adapter_config.json: use_dora is not supported, got true; leave it out',
    ],
    [
      'unsupported',
      { peft_type: 'LORA', lora_bias: true },
      'adapter_config.json: lora_bias is not supported, got true; leave it out',
    ],
    [
      'unsupported',
      { peft_type: 'LORA', init_lora_weights: 'olora' },
      'adapter_config.json: init_lora_weights "olora" is not supported; it must be true, false or "gaussian"',
    ],
  ])('refuses with %s: %j', (code, json, message) => {
    expect(() => parseAdapterConfig(json)).toThrow(expect.objectContaining({ code, message }) as Error)
  })
})
