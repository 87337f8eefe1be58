import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { baseFolder } from '../../../examples/medquad/bases.ts'
import { parseOptions, stepsFor } from '../../../examples/medquad/options.ts'
import { describeChange } from '../../../examples/medquad/story.ts'

describe('what the recipe says and does by itself', () => {
  it('has words for a loss that are true for either sign', () => {
    expect(describeChange(3, 2.75)).toBe('0.2500 lower: better')
    expect(describeChange(3.6462, 4.2118)).toBe('0.5656 higher: worse than before')
    expect(describeChange(3, 3.00001)).toBe('as before')
  })

  it('adapts what it is told to', () => {
    // On PEFT's default for the kind of model, which is query_key_value for a Falcon.
    expect(parseOptions([]).adapter).toEqual({ peftType: 'LORA', r: 16, loraAlpha: 32, loraDropout: 0.05 })
    expect(parseOptions(['--targets', 'all-linear']).adapter['targetModules']).toBe('all-linear')
    const two = parseOptions(['--targets', 'query_key_value, dense']).adapter
    expect(two['targetModules']).toEqual(['query_key_value', 'dense'])
  })

  it('takes what suits the model, unless told otherwise', () => {
    const suiting = (...flags: string[]) => {
      const { base, lr, 'max-length': length, eval: heldOut } = parseOptions(flags)
      return [base.source, base.samples, lr, length, heldOut]
    }
    expect(suiting()).toEqual([baseFolder, 3, 4e-3, 256, 96])
    expect(suiting('--model', 'smollm2-135m')).toEqual(['HuggingFaceTB/SmolLM2-135M-Instruct', 10, 5e-4, 128, 200])
    expect(suiting('--model', 'some/model.gguf', '--lr', '1e-3', '--max-length', '64', '--eval', '8')).toEqual([
      ...['some/model.gguf', 10, 1e-3, 64, 8],
    ])
    expect(suiting('--model', 'toString')[0]).toBe('toString')
  })

  it('takes another method, in the words of the library or of PEFT, from JSON or from its file', () => {
    const choice = (given: string, ...more: string[]) => parseOptions(['--adapter', given, ...more]).adapter
    expect(choice('{"peftType": "IA3"}')).toEqual({ peftType: 'IA3' })
    expect(choice('{"peft_type": "LORA", "use_rslora": true}', '--targets', 'dense')).toEqual({
      ...{ peftType: 'LORA', useRslora: true, targetModules: ['dense'] },
    })
    const file = fileURLToPath(
      new URL('../../fixtures/tiny-falcon-rw/adapters/ia3/adapter_config.json', import.meta.url),
    )
    expect(choice(file)).toMatchObject({ peftType: 'IA3', feedforwardModules: ['dense_4h_to_h'] })
    expect(choice(file)).not.toHaveProperty('peftVersion')
    for (const bad of ['nowhere.json', '[]', '{"peft_type": 3}']) {
      expect(() => choice(bad), bad).toThrow('--adapter')
    }
  })

  it('makes at most ten passes over small data, and what it was told to', () => {
    const steps = (examples: number, ...flags: string[]) => stepsFor(examples, parseOptions(flags))
    expect(steps(15_000)).toBe(600)
    expect(steps(51)).toBe(40)
    expect(steps(51, '--batch', '1', '--accumulate', '1')).toBe(510)
    expect(steps(51, '--epochs', '3')).toBe(12)
    expect(steps(51, '--epochs', '0.1')).toBe(1)
    expect(steps(51, '--steps', '7', '--epochs', '3')).toBe(7)
  })
})
