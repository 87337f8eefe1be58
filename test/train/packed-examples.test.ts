import { describe, expect, it } from 'vitest'
import { packRows } from '../../src/data/pack-rows.ts'
import { evaluateLoss } from '../../src/evaluate/loss.ts'
import { labelCount } from '../../src/models/example.ts'
import { testEngines } from '../device/devices.ts'
import { collected, randomExamples, tinyRun } from './tiny-run.ts'

const documents = randomExamples(12)
const packed = packRows(documents, 24, 'bfd').map(({ inputIds, labels, seqLengths }) => {
  return { inputIds, labels, seqLengths: seqLengths ?? [] }
})

describe.each(await testEngines())('packed examples on $description', (device) => {
  it('are learned from as the same documents apart, dropout aside', async () => {
    const options = { batchSize: 12, maxSteps: 1, learningRate: 1e-3 }
    const apart = await tinyRun(device, documents, options)
    const before = await evaluateLoss(apart.model, documents)
    const together = await evaluateLoss(apart.model, packed, { batchSize: 3 })
    expect(packed.length).toBeLessThan(documents.length / 2)
    expect(together.tokens).toBe(before.tokens)
    expect(together.loss).toBeCloseTo(before.loss, 5)
    apart.dispose()
    const { run, dispose } = await tinyRun(device, packed, options)
    const [report] = await collected(run)
    const sum = (counts: number[]) => counts.reduce((all, each) => all + each, 0)
    expect(report?.labelTokens).toBe(sum(documents.map((example) => labelCount(example))))
    expect(report?.tokens).toBe(sum(documents.map(({ inputIds }) => inputIds.length)))
    expect(report?.loss).toBeCloseTo(before.loss, 1)
    dispose()
  })
})
