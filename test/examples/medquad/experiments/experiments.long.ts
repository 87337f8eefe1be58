import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProgressLine } from 'peft-medaware'
import { describe, expect, it } from 'vitest'
import { loadMedquad } from '../../../../examples/medquad/data/load-medquad.ts'
import { type Kind, kindsOf, paper, trialOf } from '../../../../examples/medquad/experiments/arms.ts'
import { bitsPerByte } from '../../../../examples/medquad/experiments/compare-arms.ts'
import { bytesOf } from '../../../../examples/medquad/experiments/find-rates.ts'
import { openBenches } from '../../../../examples/medquad/experiments/open-bench.ts'
import { parseExperimentOptions } from '../../../../examples/medquad/experiments/options.ts'
import { readExperiments } from '../../../../examples/medquad/experiments/report-experiments.ts'
import { runArm } from '../../../../examples/medquad/experiments/run-arm.ts'
import { openDevice } from '../../../../src/index.ts'
import { medquad } from '../medquad-files.ts'

type Opened = Awaited<ReturnType<typeof openBenches>> & { readonly kinds: readonly Kind[] }

if (existsSync(medquad)) {
  describe('the record of the small Falcon', async () => {
    const record = (await readExperiments()).get('small.json')
    if (record === undefined) throw new Error('there is no record of the small Falcon')
    const { questions, protocol, trials, trialSteps } = record

    // The rest is as by default, which docs/results/experiments.md says.
    const counts = ['--measured', `${questions.length}`, '--answers', `${protocol.answers}`]

    /** What `make` gives over the benches that the record was made on. */
    async function again<T>(make: (made: Opened, folder: string) => Promise<T>): Promise<T> {
      const folder = await mkdtemp(join(tmpdir(), 'experiments-'))
      const { device } = await openDevice({ device: 'cpu' })
      try {
        const opened = await openBenches(parseExperimentOptions(counts), {
          ...{ device, data: await loadMedquad({ data: medquad, cacheDir: folder }) },
          ...{ line: new ProgressLine({ isTTY: false, write: () => true }) },
          ...{ signal: new AbortController().signal, onWarning: () => undefined },
        })
        const kinds = kindsOf(opened)
        opened.close()
        expect(opened.bench.protocol).toEqual(protocol)
        return await make({ ...opened, kinds }, folder)
      } finally {
        device.dispose()
        await rm(folder, { recursive: true })
      }
    }

    it("has what a trial of the paper's LoRA comes to", async () => {
      const recorded = trials.find(({ kind, learningRate }) => kind === paper && learningRate === 0.004)
      if (recorded === undefined) throw new Error(`there is no trial of ${paper}`)
      const made = await again(async ({ kinds, validationBench: bench }, folder) => {
        const kind = kinds.find(({ name }) => name === paper)
        if (kind === undefined) throw new Error(`there is no kind ${paper}`)
        const { measured } = await runArm(bench, trialOf(kind, recorded.learningRate, trialSteps), 0, folder)
        const nats = measured.at(-1)?.nats ?? []
        return nats.reduce((sum, each) => sum + each, 0) / (bytesOf(bench) * Math.LN2)
      })
      // Another build of the engine rounds otherwise.
      expect(made).toBeCloseTo(recorded.bitsPerByte, 3)
    }, 300_000)

    const recorded = ['base', paper].map((name) => {
      const first = record.records.find(({ arm }) => arm.name === name)
      if (first === undefined) throw new Error(`there is no run of ${name}`)
      return first
    })

    for (const { arm, seed, measured: before } of recorded) {
      it(`has what ${arm.name} comes to`, async () => {
        const { measured } = await again(({ bench }, folder) => runArm(bench, arm, seed, folder))
        const valueOf = (nats: readonly number[]) => bitsPerByte(questions, [{ seed, nats }]).difference.value
        expect(measured.map(({ step }) => step)).toEqual(before.map(({ step }) => step))
        for (const [i, { nats }] of measured.entries()) {
          expect(valueOf(nats)).toBeCloseTo(valueOf(before[i]?.nats ?? []), 3)
        }
      }, 300_000)
    }
  })
} else {
  it('is told that no run of the experiments was made again', () => {
    console.warn(`MedQuAD is not at ${medquad}: no run of docs/results/experiments.md was made again`)
  })
}
