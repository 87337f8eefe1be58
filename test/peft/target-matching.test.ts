import { describe, expect, it } from 'vitest'
import { type LoraConfig, loraFields } from '../../src/peft/lora/lora-config.ts'
import { NamePatterns } from '../../src/peft/targets/module-names.ts'
import * as matching from '../../src/peft/targets/target-matching.ts'
import { readFixture } from '../fixtures/open-fixture.ts'

interface Golden {
  readonly paths: readonly string[]
  readonly matches: readonly { readonly config: object; readonly matched: readonly string[] }[]
  readonly patterns: readonly { readonly pattern: Record<string, number>; readonly values: readonly number[] }[]
}

const loraConfig = (given: Partial<LoraConfig>) => loraFields.read(given, 'loraConfig', null)
const patterns = () => new NamePatterns('attachLora')
const targetMatcher = (names: matching.TargetNames) => matching.targetMatcher(names, patterns())
const patternReader = (values: Readonly<Record<string, number>>, otherwise: number, field: string) =>
  matching.patternReader(values, otherwise, field, patterns())

const golden = JSON.parse(new TextDecoder().decode(await readFixture('target-matching.json'))) as Golden

describe('target matching answers as PEFT', () => {
  it.each(golden.matches.map(({ config, matched }) => [JSON.stringify(config), config, matched] as const))(
    '%s',
    (_, config, matched) => {
      const isTarget = targetMatcher(loraFields.parse({ peft_type: 'LORA', ...config }, null).config)
      expect(golden.paths.filter(isTarget)).toEqual(matched)
    },
  )

  it.each(golden.patterns.map(({ pattern, values }) => [JSON.stringify(pattern), pattern, values] as const))(
    'rank pattern %s',
    (_, pattern, values) => {
      expect(golden.paths.map(patternReader(pattern, 0, 'rankPattern'))).toEqual(values)
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
  const readAll = (config: Partial<LoraConfig>) => () => golden.paths.map(targetMatcher(loraConfig(config)))

  it.each<[Partial<LoraConfig>, string]>([
    [{ targetModules: '(dense' }, 'targetModules "(dense" is no regular expression of Python\'s: a ( without its )'],
    [{ targetModules: 'dense\\z' }, 'targetModules "dense\\\\z" is no regular expression of Python\'s: the escape \\z'],
    [{ excludeModules: '(?<a>dense)' }, 'excludeModules "(?<a>dense)" is no regular expression of Python\'s: (?<a'],
    [
      { layersToTransform: [1], layersPattern: ['h', '(?P<idx>h)'] },
      'layersPattern "(?P<idx>h)" is no regular expression of Python\'s: two groups named idx',
    ],
  ])('that is none is refused: %j', (config, message) => {
    expect(matcher(config)).toThrow(`attachLora: ${message}`)
    expect(matcher(config)).toThrow(expect.objectContaining({ code: 'config' }) as Error)
  })

  it('is put where PEFT puts it, where flags are not at the start', () => {
    expect(() => patternReader({ '(?i)dense': 2 }, 1, 'rankPattern')).toThrow(
      'attachLora: rankPattern "(?i)dense" is no regular expression of Python\'s: flags such as (?i) that are not at its start',
    )
  })

  const catastrophic = '([a-z_0-9]+\\.?)+x'
  it.each<[string, () => readonly unknown[]]>([
    ['targetModules', readAll({ targetModules: `(${catastrophic})!` })],
    ['excludeModules', readAll({ excludeModules: `(${catastrophic})!` })],
    [
      'layersPattern',
      readAll({ targetModules: ['dense'], layersToTransform: [1], layersPattern: `(${catastrophic})!` }),
    ],
    ['rankPattern', () => golden.paths.map(patternReader({ [`(${catastrophic})!`]: 2 }, 1, 'rankPattern'))],
    ['alphaPattern', () => golden.paths.map(patternReader({ [`(${catastrophic})!`]: 2 }, 1, 'alphaPattern'))],
  ])('that would hang a backtracking engine is answered in %s', (_, answer) => {
    // One that hangs never comes back.
    expect(answer()).toHaveLength(golden.paths.length)
  })

  it('that refers back and would hang is refused within a bound', () => {
    expect(readAll({ targetModules: '(([a-z_0-9]+\\.?)+)+\\1x' })).toThrow(
      expect.objectContaining({
        code: 'config',
        message:
          'attachLora: targetModules "(([a-z_0-9]+\\\\.?)+)+\\\\1x" takes too many steps to match; write it without repeats in repeats',
      }) as Error,
    )
  })

  it('one of very many is refused before they are read', () => {
    const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`layer${i}`, 1]))
    expect(() => patternReader(many, 1, 'rankPattern')).toThrow('attachLora: rankPattern has too many patterns')
  })
})
