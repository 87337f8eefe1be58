import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProgressLine } from 'peft-medaware'
import { describe, expect, it } from 'vitest'
import { loadMedquad } from '../../../../examples/medquad/data/load-medquad.ts'
import { paper } from '../../../../examples/medquad/experiments/arms.ts'
import { bitsPerByte } from '../../../../examples/medquad/experiments/compare-arms.ts'
import { openBenches } from '../../../../examples/medquad/experiments/open-bench.ts'
import { parseExperimentOptions } from '../../../../examples/medquad/experiments/options.ts'
import { readExperiments } from '../../../../examples/medquad/experiments/report-experiments.ts'
import { runArm } from '../../../../examples/medquad/experiments/run-arm.ts'
import { openDevice } from '../../../../src/index.ts'
import { medquad } from '../medquad-files.ts'

if (existsSync(medquad)) {
  describe('the record of the small Falcon', async () => {
    const record = (await readExperiments()).get('small.json')
    if (record === undefined) throw new Error('there is no record of the small Falcon')
    const { questions, protocol } = record

    it.each(['base', paper])(
      'has what %s comes to',
      async (name) => {
        const recorded = record.records.find(({ arm }) => arm.name === name)
        if (recorded === undefined) throw new Error(`there is no record of ${name}`)
        const folder = await mkdtemp(join(tmpdir(), 'experiments-'))
        const { device } = await openDevice({ device: 'cpu' })
        const counts = ['--measured', `${questions.length}`, '--answers', `${protocol.answers}`]
        const { bench, close } = await openBenches(parseExperimentOptions(counts), {
          ...{ device, data: await loadMedquad({ data: medquad, cacheDir: folder }) },
          ...{ line: new ProgressLine({ isTTY: false, write: () => true }) },
          ...{ signal: new AbortController().signal, onWarning: () => undefined },
        })
        close()
        expect(bench.protocol).toEqual(protocol)
        const { measured } = await runArm(bench, recorded.arm, recorded.seed, folder)
        for (const [i, { step, nats }] of measured.entries()) {
          const then = recorded.measured[i]
          expect(step).toBe(then?.step)
          const valueOf = (each: readonly number[]) =>
            bitsPerByte(questions, [{ seed: 0, nats: each }]).difference.value
          // Another build of the engine rounds otherwise.
          expect(valueOf(nats)).toBeCloseTo(valueOf(then?.nats ?? []), 3)
        }
        device.dispose()
        await rm(folder, { recursive: true })
      },
      300_000,
    )
  })
}
