import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type ArmRecord,
  describeArm,
  type FactRecord,
} from '../../../../examples/medquad/feedback/simulation/describe-simulation.ts'
import { inventFacts, says } from '../../../../examples/medquad/feedback/simulation/facts.ts'
import { simulationPlot } from '../../../../examples/medquad/feedback/simulation/simulation-plot.ts'
import { simulationTable } from '../../../../examples/medquad/feedback/simulation/simulation-table.ts'
import { root } from '../../../programs/run-program.ts'

describe('invented facts', () => {
  it('are of as many conditions, change, and are the same for a seed', () => {
    const facts = inventFacts(80, 1)
    expect(new Set(facts.map(({ condition }) => condition)).size).toBe(80)
    for (const { question, old, new: changed } of facts) {
      expect(question).toMatch(/^(How many people|What are the) /)
      expect(old.value).not.toBe(changed.value)
      expect(says(old.answer, old)).toBe(true)
      expect(says(old.answer, changed)).toBe(false)
    }
    expect(inventFacts(80, 1)).toEqual(facts)
    expect(inventFacts(80, 2)).not.toEqual(facts)
  })

  it.each([
    ['about 1 in 12,000 people.', '12,000', true],
    ['about 1 in 12,000 people.', '2,000', false],
    ['at the age of 12.', '12', true],
    ['at the age of 12', '1', false],
    ['in 12,000', '12', false],
  ])('%s says %s: %s', (text, value, isSo) => {
    expect(says(text, { answer: '', value })).toBe(isSo)
  })
})

describe('the figures of the simulation', () => {
  it('count as forgotten only what was known before', () => {
    const known = { oldNats: 1, newNats: 2, saysOld: true, saysNew: false }
    const changed = { oldNats: 2, newNats: 1, saysOld: false, saysNew: true, answer: '' }
    const fact = (role: FactRecord['role'], before: FactRecord['before'], after: FactRecord['after']) => {
      return { role, kind: 'age', condition: 'x', before, after }
    }
    const before = { against: 1, questions: 1, diseases: 1, before: 2, after: 2.5 }
    const changes = { 'held-out': 0.5, guard: -0.25 }
    const sets = (['held-out', 'guard'] as const).map((name) => {
      const change = { value: changes[name], low: null, high: null }
      return { ...before, name, change, isWorse: change.value > 0 }
    })
    const gate = { rule: '', sets, isKept: false }
    const facts = [
      fact('changed', known, changed),
      fact('changed', known, { ...changed, saysNew: false }),
      fact('stored', known, { ...known, answer: '' }),
      fact('elsewhere', known, changed),
      fact('elsewhere', { ...known, saysOld: false }, changed),
    ]
    const rejected = { arm: 'none', seed: 0, steps: 1, seconds: 1, base: 3, gate, facts }
    const kept = { ...rejected, seed: 1, gate: { ...gate, isKept: true }, facts: [] }
    const figures = describeArm([rejected, kept])
    expect(figures).toMatchObject({
      ...{ learntLikelier: { value: 1 }, learntSaid: { value: 0.5 }, learnt: { value: 0.5 } },
      ...{ forgotten: { value: 0.5 }, forgottenStored: { value: 0 }, forgottenElsewhere: { value: 1 } },
      ...{ heldOutChange: { value: 0.5 }, guardChange: { value: -0.25 }, kept: 1 },
    })
    expect(simulationPlot({ none: figures }, 'dark')).toMatch(/^<svg .*xmlns="http:\/\/www.w3.org\/2000\/svg"/)
  })

  it.each(['feedback.json'])('in docs are those of %s', (name) => {
    const path = join(root, 'docs/results/experiments', name)
    expect(existsSync(path)).toBe(true)
    const { records } = JSON.parse(readFileSync(path, 'utf8')) as { readonly records: readonly ArmRecord[] }
    const arms = [...new Set(records.map(({ arm }) => arm))]
    const figures = Object.fromEntries(arms.map((arm) => [arm, describeArm(records.filter((one) => one.arm === arm))]))
    const cellsOf = (table: string) => table.replaceAll(/ *\| */g, '|').replaceAll(/-+/g, '---')
    expect(cellsOf(readFileSync(join(root, 'docs/guides/feedback.md'), 'utf8'))).toContain(
      cellsOf(simulationTable(figures)),
    )
  })
})
