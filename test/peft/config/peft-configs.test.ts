import { describe, expect, it } from 'vitest'
import { formatAdapterConfig, parseAdapterConfig } from '../../../src/peft/config/adapter-config.ts'
import { peftVersion } from '../../../src/peft/config/config-fields.ts'
import { methodOf } from '../../../src/peft/methods.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

/** What make_peft_configs.py wrote: the file that PEFT saves of each method at its defaults. */
interface PeftConfigs {
  readonly version: string
  readonly configs: Readonly<Record<string, string>>
}

const text = new TextDecoder().decode(await readFixture('peft-configs.json'))
const { version, configs } = JSON.parse(text) as PeftConfigs

/** The table's methods, as it names them to who asks for another. */
function knownTypes(): readonly string[] {
  try {
    methodOf('test', 'NONE')
  } catch (error) {
    return [...String(error).matchAll(/"([A-Z0-9_]+)"/g)].map(([, name = '']) => name).filter((name) => name !== 'NONE')
  }
  return []
}

describe('configs as PEFT saves them', () => {
  it('is of the version that files say', () => {
    expect(version).toBe(peftVersion)
  })

  it.each(knownTypes())('%s at its defaults: byte for byte', (peftType) => {
    const wanted = configs[peftType] ?? ''
    const { config, unknown } = parseAdapterConfig(wanted)
    expect([...unknown.keys()]).toEqual([])
    expect(formatAdapterConfig(config)).toBe(wanted)
  })

  it.each(knownTypes())('%s: fields that are not given have PEFT’s defaults', (peftType) => {
    const saved = JSON.parse(configs[peftType] ?? '{}') as Record<string, unknown>
    const needed = ['peft_type', 'task_type', 'base_model_name_or_path', 'target_modules', 'feedforward_modules']
    const asked = ['num_virtual_tokens', 'token_dim', 'num_transformer_submodules', 'num_attention_heads', 'num_layers']
    const names = [...needed, ...asked, 'encoder_hidden_size', 'total_step', 'oft_block_size'].filter(
      (name) => name in saved,
    )
    const few = Object.fromEntries(names.map((name) => [name, saved[name]]))
    expect(JSON.parse(formatAdapterConfig(parseAdapterConfig(few).config))).toEqual(saved)
  })

  it('goes over every method', () => {
    expect(knownTypes().length).toBeGreaterThanOrEqual(4)
  })
})
