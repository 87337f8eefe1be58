import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pageOf, readExperiments, recordFolder } from '../../../../examples/medquad/experiments/report-experiments.ts'
import {
  experimentTables,
  resultsOf,
  verdictOf,
} from '../../../../examples/medquad/experiments/describe-experiments.ts'
import { paper } from '../../../../examples/medquad/experiments/arms.ts'
import type { ExperimentRecord } from '../../../../examples/medquad/experiments/experiment-record.ts'
import { experimentsPlot } from '../../../../examples/medquad/experiments/plot-experiments.ts'

const records = await readExperiments()

describe('docs/results/experiments.md', () => {
  it('has the tables that its records give', async () => {
    expect(await pageOf(records)).toBe(await readFile(join(recordFolder, '../experiments.md'), 'utf8'))
  })

  it('has the plots that its records give', async () => {
    for (const [name, record] of records) {
      if (record.records.length === 0) continue
      const stem = join(recordFolder, name.replace(/\.json$/, ''))
      expect(experimentsPlot(record, 'light')).toBe(await readFile(`${stem}.svg`, 'utf8'))
      expect(experimentsPlot(record, 'dark')).toBe(await readFile(`${stem}-dark.svg`, 'utf8'))
    }
  })
})

describe('what is said of arms', () => {
  const questions = ['gout', 'croup', 'mumps', 'rickets'].map((disease) => ({ id: disease, disease, bytes: 100 }))
  const arm = { trained: null, bits: 4, shots: 0, learningRate: 1, steps: 2, marks: [1, 2] } as const
  const run = (name: string, seed: number, nats: number) => ({
    ...{ key: `${name}${seed}`, arm: { ...arm, name }, seed, trainable: 1, rougeL: [], secondsPerStep: 1 },
    ...{ deviceBytes: 1, measured: [1, 2].map((step) => ({ step, nats: questions.map((_, i) => nats / step + i) })) },
  })
  const record: ExperimentRecord = {
    ...{ model: 'm', engine: '', steps: 2, trialSteps: 1, questions, parameters: {}, timings: [], trials: [] },
    protocol: {
      ...{ version: 1, base: '', maxLength: 8, batch: 1, trainedOn: '', measuredOn: '', answers: 0, answerTokens: 0 },
    },
    experiments: { adapters: [paper, 'worse', 'noise', 'never run'] },
    records: [1, 2, 3].flatMap((seed) => [
      ...[run(paper, seed, 100 + seed), run('worse', seed, 110 + seed * 1.01)],
      run('noise', seed, 100 + 5 * (seed % 2) - seed),
    ]),
  }

  it('is noise, or clear, of the arms that have a record', () => {
    const results = resultsOf(record, 'adapters', 'steps')
    expect(results.map((result) => [result.arm.name, verdictOf(result)])).toEqual([
      [paper, ''],
      ['worse', 'worse'],
      ['noise', 'noise'],
    ])
    expect(results.map(({ step }) => step)).toEqual([2, 2, 2])
    expect(experimentTables('m-1', record)['m-1 adapters']).toMatch(/\| worse .*\| worse +\|/)
    expect(experimentsPlot(record, 'dark')).toMatch(/^<svg [^]*worse[^]*<\/svg>\n$/)
    expect(resultsOf(record, 'adapters', 'time').map(({ step }) => step)).toEqual([1, 1, 1])
  })
})
