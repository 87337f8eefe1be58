import { describe, expect, it } from 'vitest'
import { checkKnown, formatAdapterConfig, parseAdapterConfig } from '../../src/peft/config/adapter-config.ts'
import { type LoraConfig, loraFields } from '../../src/peft/lora/lora-config.ts'
import { ModuleList } from '../../src/nn/module.ts'
import { tinyText } from './tiny-falcon.ts'

const kinds = ['lora', 'lora-all-linear', 'rslora', 'lora-patterns', 'lora-bias', 'lora-bias-all']

const loraConfig = (given: Partial<LoraConfig>) => loraFields.read(given, 'loraConfig', null)
const parse = (fields: object) => parseAdapterConfig({ peft_type: 'LORA', ...fields })

describe('formatAdapterConfig', () => {
  it.each(kinds)('writes %s as PEFT did, byte for byte', async (kind) => {
    const text = await tinyText(`adapters/${kind}/adapter_config.json`)
    const { config, unknown } = parseAdapterConfig(text)
    expect(formatAdapterConfig(config)).toBe(text)
    expect(unknown.size).toBe(0)
  })

  it.each(['exclude-regex', 'mica', 'orthogonal'])('writes %s as PEFT did, byte for byte', async (kind) => {
    const text = await tinyText(`adapter-cases/${kind}/adapter_config.json`)
    const { config } = parseAdapterConfig(text)
    expect(formatAdapterConfig(config)).toBe(text)
  })

  it('keeps what EVA was told', async () => {
    const text = await tinyText('adapter-cases/eva/adapter_config.json')
    const written = formatAdapterConfig(parseAdapterConfig(text).config)
    expect(JSON.parse(written)).toEqual(JSON.parse(text))
    expect(written).toContain('"tau": 0.99')
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
    const { config, unknown } = parse({
      ...{
        r: 16,
        lora_alpha: 32,
        target_modules: ['dense'],
        rank_pattern: null,
        use_rslora: null,
        fan_in_fan_out: null,
      },
      ...{ merge_weights: false, enable_lora: null, bias: 'none', init_lora_weights: null },
    })
    const start = { taskType: null, initLoraWeights: false } as const
    const otherFields = { enable_lora: null }
    expect(config).toEqual(loraConfig({ r: 16, loraAlpha: 32, targetModules: ['dense'], otherFields, ...start }))
    expect([...unknown]).toEqual([['enable_lora', null]])
  })

  it('leaves the targets to the model where the file does', () => {
    const model = Object.assign(new ModuleList([]), { loraTargets: ['q_proj'] })
    const { config } = parseAdapterConfig({ peft_type: 'LORA', target_modules: null }, model)
    expect(config).toMatchObject({ targetModules: ['q_proj'] })
  })

  it('lists fields it does not know', () => {
    const fields = { future: null, strength: 2, targetModules: ['dense'], other_fields: { r: 1 }, otherFields: {} }
    const { config, unknown } = parse(fields)
    expect(Object.fromEntries(unknown)).toEqual(fields)
    expect(config.otherFields).toEqual(fields)
  })

  it('saves again, in place, what it does not know and what has no effect, as PEFT does', () => {
    const kept = {
      auto_mapping: { base_model_class: 'FalconForCausalLM', parent_library: 'transformers.models.falcon' },
      ...{ eva: null, loftq_config: { loftq_bits: 4 }, modules_to_save: [], peft_version: '0.18.1' },
      ...{ __proto: { a: [1.5] }, qalora_group_size: 32, strength: 2 },
    }
    const once = formatAdapterConfig(parse({ ...kept, runtime_config: {}, inference_mode: false }).config)
    const saved = JSON.parse(once) as Record<string, unknown>
    expect(saved).toMatchObject({ ...kept, inference_mode: true })
    expect(Object.keys(saved)).toEqual(Object.keys(saved).sort())
    expect(Object.keys(saved)).not.toContain('runtime_config')
    expect(formatAdapterConfig(parse(saved).config)).toBe(once)
  })

  it('takes a key that is a name of JavaScript’s as any other', () => {
    const text = '{"peft_type": "LORA", "__proto__": {"r": 64}, "constructor": [1]}'
    const { config, unknown } = parseAdapterConfig(text)
    expect(config).toMatchObject({ r: 8 })
    expect([...unknown.keys()]).toEqual(['__proto__', 'constructor'])
    expect(formatAdapterConfig(config)).toContain('"__proto__": {\n    "r": 64\n  },')
  })

  it('gives a new adapter’s file fields that have no option, and no others', () => {
    const auto_mapping = { base_model_class: 'FalconForCausalLM' }
    const made = formatAdapterConfig(loraConfig({ otherFields: { auto_mapping, note: 'mine' } }))
    expect(JSON.parse(made)).toMatchObject({ auto_mapping, note: 'mine' })
    expect(() => loraConfig({ otherFields: { lora_alpha: 2 } })).toThrow(
      'loraConfig: otherFields has "lora_alpha", which has an option of its own',
    )
    expect(() => loraConfig({ otherFields: { peft_type: 'IA3' } })).toThrow('otherFields has "peft_type"')
    expect(() => loraConfig({ otherFields: { use_qalora: true } })).toThrow('loraConfig: use_qalora true pools')
  })

  it('refuses unknown fields that a caller does not know of', () => {
    const parsed = parse({ strength: 2, targetmodules: ['dense'] })
    expect(() => checkKnown(parsed, [])).toThrow(
      'adapter_config.json: the field "strength" is not known, and 2 may change what the adapter computes; if it does not, pass ignoreFields: ["strength"]',
    )
    expect(() => checkKnown(parsed, ['strength'])).toThrow(
      'the field "targetmodules" is not known (did you mean target_modules?)',
    )
    const told: string[] = []
    checkKnown(parsed, ['strength', 'targetmodules'], (message) => told.push(message))
    expect(told).toEqual([
      'adapter_config.json: the field "strength" is not known; 2 does nothing here, and is saved again with the adapter',
      'adapter_config.json: the field "targetmodules" is not known (did you mean target_modules?); ["dense"] does nothing here, and is saved again with the adapter',
    ])
    expect(() => checkKnown(parse({ future: null, none: [] }), [])).not.toThrow()
  })

  it.each([
    ['eva_config', { rho: 2 }, 'eva'],
    ['corda_config', { corda_method: 'kpm', cache_file: 'c.pt' }, true],
    ['loftq_config', { loftq_bits: 8 }, 'loftq'],
  ])('keeps what it does not know in %s, and tells of it', (key, options, start) => {
    const told: string[] = []
    const future = { ...options, future: { deep: [1.5] }, useLabelMask: 1, ['__proto__']: null }
    const file = { init_lora_weights: start, [key]: future }
    const parsed = parse(file)
    checkKnown(parsed, [], (message) => told.push(message))
    expect([...parsed.unknownNested.keys()]).toEqual(
      ['future', 'useLabelMask', '__proto__'].map((each) => `${key}.${each}`),
    )
    expect(told[0]).toBe(
      `adapter_config.json: the field "${key}.future" is not known; { deep: […] } says how the adapter was begun, and is saved again with it`,
    )
    const once = formatAdapterConfig(parsed.config)
    const saved = JSON.parse(once) as Record<string, object>
    expect(Object.entries(saved[key] ?? {})).toEqual(Object.entries(future).sort(([a], [b]) => (a < b ? -1 : 1)))
    expect(formatAdapterConfig(parse(saved).config)).toBe(once)
  })

  it('refuses other fields in an object that has an option for them', () => {
    expect(() => loraConfig({ otherFields: { eva_config: { rho: 3 } } })).toThrow(
      'loraConfig: otherFields has "eva_config", which has an option of its own',
    )
    expect(() => loraConfig({ otherFields: { eva_config: 3 } })).toThrow('otherFields has "eva_config"')
    const wrong = { rho: 0.5, future: 1 }
    expect(() => parse({ init_lora_weights: 'eva', eva_config: wrong })).toThrow(
      'eva_config.rho must be a number from 1',
    )
  })

  // Python: [f.name for f in dataclasses.fields(peft.LoraConfig)] of peft 0.21.2, at its defaults.
  it('knows every field of PEFT 0.21.2', async () => {
    const fields = JSON.parse(await tinyText('adapter-cases/orthogonal/adapter_config.json')) as object
    expect(Object.keys(fields)).toHaveLength(41)
    expect(parse({ ...fields, runtime_config: { ephemeral_gpu_offload: true } }).unknown.size).toBe(0)
  })

  it.each([
    ['init_lora_weights', ['eva', 'loftq', 'orthogonal', 'mica', 'gaussian', 'Gaussian', true, false]],
    ['exclude_modules', [null, [], '', ['dense'], 'dense']],
    ['layers_to_transform', [null, [], 0, [0, 1]]],
    ['modules_to_save', [null, []]],
    ['layer_replication', [null, []]],
    ['target_parameters', [null, []]],
    ['trainable_token_indices', [null, []]],
    ['alora_invocation_tokens', [null, []]],
    ['eva_config', [null, { rho: 2 }]],
    ['loftq_config', [{}, null, { loftq_bits: 4 }]],
    ['corda_config', [null, { corda_method: 'ipm' }]],
    ['lora_alpha', [0, -4, 0.5]],
    ['auto_mapping', [null, { base_model_class: 'LlamaForCausalLM', unsloth_fixed: true }]],
    ['ensure_weight_tying', [true, false]],
    ['qalora_group_size', [32]],
  ])('takes %s at what PEFT loads and computes', (field, values) => {
    for (const value of values) expect(parse({ [field]: value }).unknown.size, JSON.stringify(value)).toBe(0)
  })

  it.each<[object, string]>([
    [
      {
        layer_replication: [
          [0, 2],
          [1, 2],
        ],
      },
      "layer_replication [[…], […]] stacks the base's layers anew",
    ],
    [
      { alora_invocation_tokens: [1, 2] },
      'adapts only what follows certain tokens, which is not supported; run it in PEFT; it cannot be merged',
    ],
    [{ arrow_config: {} }, 'arrow_config {} chooses among several adapters for each token'],
    [{ kasa_config: {} }, "kasa_config {} truncates the base's weights"],
    [{ velora_config: {} }, 'velora_config {}'],
    [{ monteclora_config: { num_samples: 8 } }, 'monteclora_config { num_samples: 8 } samples the adapter'],
    [{ use_bdlora: { nblocks: 2 } }, 'use_bdlora { nblocks: 2 } makes A or B block-diagonal'],
    [{ use_qalora: true }, 'use_qalora true pools the inputs of A'],
    [{ target_parameters: ['experts.w'] }, 'target_parameters ["experts.w"] adapts parameters'],
    [{ megatron_config: { a: 1 } }, "megatron_config { a: 1 } is for Megatron's parallel layers"],
    [{ fan_in_fan_out: true }, 'fan_in_fan_out true is for weights stored [in, out]'],
    [{ task_type: 'SEQ_CLS' }, 'task_type "SEQ_CLS" is for another kind of model'],
    [
      { init_lora_weights: 'corda' },
      'and not in a way that can be repeated; in PEFT, save it as plain LoRA (save_pretrained with path_initial_model_for_weight_conversion',
    ],
    [{ init_lora_weights: 'lora_ga' }, 'and not in a way that can be repeated'],
    [{ peft_type: 'BOFT' }, 'peft_type "BOFT"; supported are "LORA"'],
    [{ peft_type: undefined }, 'peft_type is missing; supported are "LORA"'],
  ])('refuses %j with a remedy that loses nothing', (fields, message) => {
    const refused = expect(() => parse(fields))
    refused.toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(message) as string }) as Error,
    )
    refused.not.toThrow('leave it out')
  })

  it.each<[string, unknown, string]>([
    ['format', '{"peft_type":', 'adapter_config.json: not valid JSON'],
    ['format', '{"peft_type": "LORA", "lora_alpha": NaN}', 'adapter_config.json: not valid JSON'],
    ['format', `${'['.repeat(200)}${']'.repeat(200)}`, 'adapter_config.json'],
    ['format', '[]', 'adapter_config.json: must be a JSON object'],
    ['format', undefined, 'adapter_config.json: must be a JSON object'],
    ['config', { peft_type: 'LORA', r: '8' }, 'adapter_config.json: r must be a whole number from 1, got "8"'],
    ['config', { peft_type: 'LORA', r: null }, 'adapter_config.json: r must be a whole number from 1, got null'],
    ['config', { peft_type: 'LORA', r: 0 }, 'adapter_config.json: r must be a whole number from 1, got 0'],
    [
      'config',
      { peft_type: 'LORA', lora_alpha: null },
      'adapter_config.json: lora_alpha must be a number that f32 holds, got null',
    ],
    ['config', { peft_type: 'LORA', lora_alpha: 1e39 }, 'lora_alpha must be a number that f32 holds, got 1e+39'],
    [
      'config',
      { peft_type: 'LORA', lora_dropout: '0.1' },
      'adapter_config.json: lora_dropout must be a number from 0 and below 1',
    ],
    [
      'config',
      { peft_type: 'LORA', rank_pattern: { a: '2' } },
      'adapter_config.json: rank_pattern: "a" must be a whole number from 1, got "2"',
    ],
    [
      'config',
      { peft_type: 'LORA', rank_pattern: { a: { b: 2 } } },
      'rank_pattern: "a" must be a whole number from 1, got { b: 2 }',
    ],
    [
      'config',
      { peft_type: 'LORA', rank_pattern: [2] },
      'rank_pattern must be an object of a whole number from 1 by name, got [2]',
    ],
    ['config', { peft_type: 'LORA', target_modules: [['dense']] }, 'target_modules: item 0 must be a text'],
    [
      'config',
      { peft_type: 'LORA', target_modules: '.*', layers_to_transform: [1] },
      'layers_to_transform needs a list in target_modules, got ".*"',
    ],
    [
      'config',
      { peft_type: 'LORA', init_lora_weights: 'best' },
      'init_lora_weights must be true, false, "gaussian", "orthogonal", "pissa", "pissa_niter_N", "olora", "loftq", "eva" or "mica", got "best"',
    ],
    ['config', { peft_type: 'LORA', use_rslora: 'yes' }, 'use_rslora must be true or false, got "yes"'],
  ])('refuses with %s: %j', (code, json, message) => {
    const error = { code, message: expect.stringContaining(message) as string }
    expect(() => parseAdapterConfig(json)).toThrow(expect.objectContaining(error) as Error)
  })
})
