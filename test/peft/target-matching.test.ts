import { describe, expect, it } from 'vitest'
import { loraConfig, type LoraConfig } from '../../src/peft/lora-config.ts'
import { parseAdapterConfig } from '../../src/peft/adapter-config.ts'
import { patternReader, targetMatcher } from '../../src/peft/target-matching.ts'
import { readFixture } from '../fixtures/open-fixture.ts'

interface Golden {
  readonly paths: readonly string[]
  readonly matches: readonly { readonly config: object; readonly matched: readonly string[] }[]
  readonly patterns: readonly { readonly pattern: Record<string, number>; readonly values: readonly number[] }[]
}

const golden = JSON.parse(new TextDecoder().decode(await readFixture('target-matching.json'))) as Golden

describe('target matching answers as PEFT', () => {
  it.each(golden.matches.map(({ config, matched }) => [JSON.stringify(config), config, matched] as const))(
    '%s',
    (_, config, matched) => {
      const isTarget = targetMatcher(parseAdapterConfig({ peft_type: 'LORA', ...config }).config)
      expect(golden.paths.filter(isTarget)).toEqual(matched)
    },
  )

  it.each(golden.patterns.map(({ pattern, values }) => [JSON.stringify(pattern), pattern, values] as const))(
    'rank pattern %s',
    (_, pattern, values) => {
      expect(golden.paths.map(patternReader(pattern, 0))).toEqual(values)
    },
  )
})

describe('all-linear', () => {
  it('names all but an output head, in any case, less what is excluded', () => {
    const isTarget = targetMatcher(loraConfig({ targetModules: 'All-Linear', excludeModules: ['dense'] }))
    expect(['lm_head', 'x.lm_head', 'h.0.dense', 'h.0.up', 'up_lm_head'].filter(isTarget)).toEqual([
      'h.0.up',
      'up_lm_head',
    ])
  })
})

describe('a regular expression', () => {
  const matcher = (config: Partial<LoraConfig>) => () => targetMatcher(loraConfig(config))

  it('that is none is refused', () => {
    expect(matcher({ targetModules: '(dense' })).toThrow('attachLora: targetModules "(dense" is no regular expression')
  })

  it('of Python that JavaScript would read otherwise is refused', () => {
    expect(matcher({ targetModules: 'dense\\Z' })).toThrow(
      'attachLora: targetModules "dense\\\\Z" has \\A or \\Z; leave it out',
    )
  })
})
