import { describe, expect, it } from 'vitest'
import { type LoraConfig, loraFields } from '../../src/peft/lora/lora-config.ts'

const loraConfig = (given?: Partial<LoraConfig>) => loraFields.read(given, 'loraConfig', null)

describe('the config of LoRA', () => {
  it("fills in PEFT's defaults", () => {
    expect(loraConfig({ r: 16 })).toEqual({
      peftType: 'LORA',
      r: 16,
      loraAlpha: 8,
      loraDropout: 0,
      targetModules: ['query_key_value'],
      excludeModules: null,
      bias: 'none',
      useRslora: false,
      useDora: false,
      loraBias: false,
      initLoraWeights: true,
      layersToTransform: null,
      layersPattern: null,
      rankPattern: {},
      alphaPattern: {},
      fanInFanOut: false,
      taskType: 'CAUSAL_LM',
      baseModelNameOrPath: null,
      revision: null,
      modulesToSave: null,
      evaConfig: null,
      cordaConfig: null,
      loftqConfig: {},
      trainableTokenIndices: null,
      ensureWeightTying: false,
    })
  })

  it.each<[unknown, string]>([
    [{ r: 0 }, 'loraConfig: r must be a whole number from 1, got 0'],
    [{ r: 2.5 }, 'loraConfig: r must be a whole number from 1, got 2.5'],
    [{ r: '8' }, 'loraConfig: r must be a whole number from 1, got "8"'],
    [{ loraAlpha: NaN }, 'loraConfig: loraAlpha must be a number other than 0 that f32 holds, got NaN'],
    [{ loraAlpha: 0 }, 'loraConfig: loraAlpha must be a number other than 0 that f32 holds, got 0'],
    [{ loraAlpha: 1e39 }, 'loraConfig: loraAlpha must be a number other than 0 that f32 holds, got 1e+39'],
    [{ loraDropout: 1 }, 'loraConfig: loraDropout must be a number from 0 and below 1, got 1'],
    [{ loraDropout: '0.1' }, 'loraConfig: loraDropout must be a number from 0 and below 1, got "0.1"'],
    [{ targetModules: [] }, 'loraConfig: targetModules must be names, a regular expression or "all-linear", got []'],
    [{ targetModules: 5 }, 'loraConfig: targetModules must be names, a regular expression or "all-linear", got 5'],
    [{ targetModules: [''] }, 'loraConfig: targetModules: item 0 must be a text, got ""'],
    [{ bias: 'some' }, `loraConfig: bias must be 'none', 'all', 'lora_only', got "some"`],
    [{ rankPattern: { dense: 0 } }, 'loraConfig: rankPattern: "dense" must be a whole number from 1, got 0'],
    [
      { rankPattern: { dense: { r: 1 } } },
      'loraConfig: rankPattern: "dense" must be a whole number from 1, got { r: 1 }',
    ],
    [{ layersToTransform: [-1] }, 'loraConfig: layersToTransform: item 0 must be a whole number from 0, got -1'],
    [
      { targetModules: 'all-linear', layersToTransform: [1] },
      'loraConfig: layersToTransform needs a list in targetModules, got "all-linear"',
    ],
    [
      { targetModules: '.*', layersToTransform: 0 },
      'loraConfig: layersToTransform needs a list in targetModules, got ".*"',
    ],
    [{ layersPattern: 'h' }, 'loraConfig: layersPattern needs layersToTransform as well'],
    [
      { initLoraWeights: 'best' },
      'loraConfig: initLoraWeights must be true, false, "gaussian", "orthogonal", "pissa", "pissa_niter_N", "olora", "loftq", "eva" or "corda", got "best"',
    ],
    [{ taskType: 'NONE' }, 'loraConfig: taskType must be "CAUSAL_LM" or null, got "NONE"'],
    [{ rank: 8 }, 'loraConfig: there is no option "rank"; did you mean r?'],
    [{ lora_r: 8 }, 'loraConfig: there is no option "lora_r"; did you mean r?'],
    [{ lora_alpha: 8 }, 'loraConfig: there is no option "lora_alpha"; did you mean loraAlpha?'],
    [{ alpha: 8 }, 'loraConfig: there is no option "alpha"; did you mean loraAlpha?'],
    [{ target_modules: ['dense'] }, 'loraConfig: there is no option "target_modules"; did you mean targetModules?'],
    [
      { loftqConfig: { loftqBits: 4 } },
      'loraConfig: loftqConfig is for initLoraWeights "loftq", and that is true; leave it out',
    ],
    [
      { initLoraWeights: 'loftq', loftqConfig: { loftqBits: 2 } },
      'loraConfig: loftqConfig.loftqBits must be 4 or 8, got 2',
    ],
    [{ useDora: 1 }, 'loraConfig: useDora must be true or false, got 1'],
    [
      { loraBias: true, useDora: true },
      'loraConfig: loraBias true goes without useDora, as in PEFT; leave one of them out',
    ],
    [
      { loraBias: true, initLoraWeights: 'gaussian' },
      'loraConfig: loraBias true needs initLoraWeights true or false, as in PEFT, got "gaussian"',
    ],
    ['dense', 'loraConfig: options must be an object such as { r: … }, got "dense"'],
    [null, 'loraConfig: options must be an object such as { r: … }, got null'],
  ])('refuses %j', (given, message) => {
    const refused = expect(() => loraConfig(given as Partial<LoraConfig>))
    refused.toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining(message) as string }) as Error,
    )
  })

  const peft = 'which is not supported; leave it out'
  it.each<[object, string]>([
    [
      { initLoraWeights: 'lora_ga' },
      'loraConfig: initLoraWeights "lora_ga" is begun in PEFT; start with another here, or save it there and open it with openAdapter',
    ],
    [
      { fanInFanOut: true },
      `loraConfig: fanInFanOut true is for weights stored [in, out], which the models here are not, ${peft}`,
    ],
    [
      { taskType: 'SEQ_CLS' },
      `loraConfig: taskType "SEQ_CLS" is for another kind of model; here are causal language models, ${peft}`,
    ],
  ])('names the field of %j that it lacks', (given, message) => {
    expect(() => loraConfig(given as Partial<LoraConfig>)).toThrow(
      expect.objectContaining({ code: 'unsupported', message }) as Error,
    )
  })

  it("takes undefined for not given, and PEFT's words in any case", () => {
    expect(loraConfig({ r: undefined, targetModules: undefined } as object)).toEqual(loraConfig())
    expect(loraConfig({ initLoraWeights: 'Gaussian' } as object).initLoraWeights).toBe('gaussian')
  })

  it("takes features it lacks at PEFT's defaults, and drops them", () => {
    const config = loraConfig({
      useQalora: false,
      modulesToSave: null,
      loftqConfig: {},
      megatronCore: 'megatron.core',
    } as object)
    expect(config).toEqual(loraConfig())
  })
})
