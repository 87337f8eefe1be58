import { describe, expect, it } from 'vitest'
import { loraConfig, type LoraConfig } from '../../src/peft/lora-config.ts'

describe('loraConfig', () => {
  it("fills in PEFT's defaults", () => {
    expect(loraConfig({ r: 16 })).toEqual({
      r: 16,
      loraAlpha: 8,
      loraDropout: 0,
      targetModules: ['query_key_value'],
      excludeModules: null,
      bias: 'none',
      useRslora: false,
      initLoraWeights: true,
      layersToTransform: null,
      layersPattern: null,
      rankPattern: {},
      alphaPattern: {},
      fanInFanOut: false,
      taskType: 'CAUSAL_LM',
      baseModelNameOrPath: null,
      revision: null,
    })
  })

  it.each<[object, string]>([
    [{ r: 0 }, 'loraConfig: r must be a positive integer, got 0'],
    [{ r: 2.5 }, 'loraConfig: r must be a positive integer, got 2.5'],
    [{ loraAlpha: NaN }, 'loraConfig: loraAlpha must be a finite number, got NaN'],
    [{ loraDropout: 1 }, 'loraConfig: loraDropout must be in [0, 1), got 1'],
    [{ targetModules: [] }, 'loraConfig: targetModules must be names, a regular expression or "all-linear", got []'],
    [
      { targetModules: [''] },
      'loraConfig: targetModules must be names, a regular expression or "all-linear", got [""]',
    ],
    [{ bias: 'some' }, 'loraConfig: bias must be "none", "all" or "lora_only", got "some"'],
    [{ rankPattern: { dense: 0 } }, 'loraConfig: rankPattern must be positive integers by pattern, got {"dense":0}'],
    [{ layersToTransform: [-1] }, 'loraConfig: layersToTransform must be a layer index or a list of them, got [-1]'],
    [
      { targetModules: 'all-linear', layersToTransform: [1] },
      'loraConfig: layersToTransform needs a list in targetModules, got "all-linear"',
    ],
    [{ layersPattern: 'h' }, 'loraConfig: layersPattern needs layersToTransform as well'],
    [
      { rank: 8 },
      'loraConfig: no field "rank"; there are r, loraAlpha, loraDropout, targetModules, excludeModules, bias, useRslora, ' +
        'initLoraWeights, layersToTransform, layersPattern, rankPattern, alphaPattern, fanInFanOut, taskType, ' +
        'baseModelNameOrPath, revision',
    ],
  ])('refuses %j', (given, message) => {
    expect(() => loraConfig(given as Partial<LoraConfig>)).toThrow(
      expect.objectContaining({ code: 'config', message }) as Error,
    )
  })

  it.each<[object, string]>([
    [{ useDora: true }, 'loraConfig: useDora is not supported, got true; leave it out'],
    [{ modulesToSave: ['lm_head'] }, 'loraConfig: modulesToSave is not supported, got ["lm_head"]; leave it out'],
    [
      { initLoraWeights: 'pissa' },
      'loraConfig: initLoraWeights "pissa" is not supported; it must be true, false or "gaussian"',
    ],
    [{ fanInFanOut: true }, 'loraConfig: fanInFanOut true is not supported; it must be false'],
    [{ taskType: 'SEQ_CLS' }, 'loraConfig: taskType "SEQ_CLS" is not supported; it must be "CAUSAL_LM"'],
  ])('names the field of %j that it lacks', (given, message) => {
    expect(() => loraConfig(given as Partial<LoraConfig>)).toThrow(
      expect.objectContaining({ code: 'unsupported', message }) as Error,
    )
  })

  it("takes features it lacks at PEFT's defaults, and drops them", () => {
    const config = loraConfig({
      useDora: false,
      modulesToSave: null,
      loftqConfig: {},
      megatronCore: 'megatron.core',
    } as object)
    expect(config).toEqual(loraConfig())
  })
})
