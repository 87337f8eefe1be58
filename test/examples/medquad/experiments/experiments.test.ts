import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProgressLine } from 'peft-medaware'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadMedquad, sampleFolder } from '../../../../examples/medquad/data/load-medquad.ts'
import { type Arm, keyOf } from '../../../../examples/medquad/experiments/arm.ts'
import { armsOf, bitsKinds, kindsOf, paper } from '../../../../examples/medquad/experiments/arms.ts'
import { bestOf, findRate } from '../../../../examples/medquad/experiments/find-rates.ts'
import { openBenches } from '../../../../examples/medquad/experiments/open-bench.ts'
import { parseExperimentOptions } from '../../../../examples/medquad/experiments/options.ts'
import { Records } from '../../../../examples/medquad/records.ts'
import { type ArmRecord, behind, runArm } from '../../../../examples/medquad/experiments/run-arm.ts'
import { openDevice } from '../../../../src/index.ts'

const options = parseExperimentOptions(['--measured', '6', '--answers', '1', '--max-length', '24'])
const { device } = await openDevice({ device: 'cpu', cpu: { threads: 1 } })
const data = await loadMedquad({ data: sampleFolder, cacheDir: tmpdir() })
const line = new ProgressLine({ isTTY: false, write: () => true })
const opened = await openBenches(options, {
  ...{ device, data, line, signal: new AbortController().signal, onWarning: () => undefined },
})
const kinds = kindsOf(opened)
const counts = kinds.map(({ name, trained }) => [name, typeof trained === 'string' ? 0 : opened.countOf(trained)])
opened.close()
const { bench } = opened
const [lora] = armsOf('adapters', kinds, { steps: 4, stepsInTime: () => 2, rateOf: () => 4e-3 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'experiments-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

function armNamed(name: string): Arm {
  if (lora === undefined) throw new Error('no arm')
  return { ...lora, name }
}

describe('kinds of adapters', () => {
  it("have the paper's number of parameters, as near as their ranks allow", () => {
    expect(Object.fromEntries(counts)).toEqual({
      ...{ [paper]: 40_960, 'LoRA on all linear layers': 40_960, rsLoRA: 40_960, DoRA: 40_320, LoHa: 40_960 },
      ...{ IA3: 4480, VeRA: 3200, 'prompt tuning': 2560 },
    })
  })
})

describe('an arm', () => {
  it('is measured at each mark, the same again, as a shorter one is at its end', async () => {
    const record = await runArm(bench, armNamed(paper), 1, join(folder, 'a'))
    expect(record.trainable).toBe(40_960)
    expect(record.measured.map(({ step, nats }) => [step, nats.length])).toEqual([
      [2, 6],
      [4, 6],
    ])
    const shorter = await runArm(bench, { ...armNamed('two steps'), steps: 2, marks: [2] }, 1, join(folder, 'b'))
    expect(shorter.measured).toEqual(record.measured.slice(0, 1))
    const untrained: Arm = { ...armNamed('base'), trained: null, steps: 0, marks: [0] }
    const base = await runArm(bench, untrained, 0, join(folder, 'c'))
    const natsOf = ({ measured }: ArmRecord) => (measured.at(-1)?.nats ?? []).reduce((sum, nats) => sum + nats, 0)
    expect(natsOf(record)).toBeLessThan(natsOf(base))
    expect(base.secondsPerStep).toBeNull()
    // Solved examples change what an answer costs, and nothing of what is counted.
    const solved = bench.examples.slice(0, 1)
    const shown = await runArm({ ...bench, solved }, { ...untrained, shots: 1 }, 0, join(folder, 'd'))
    expect(natsOf(shown)).not.toBe(natsOf(base))
    const few = runArm({ ...bench, solved: [] }, { ...untrained, shots: 1 }, 0, join(folder, 'e'))
    await expect(few).rejects.toThrow('wants 1 solved examples, and 0 are within 24 tokens')
  })

  it('has a key of all that it depends on, and not of its name', () => {
    const key = keyOf(bench.protocol, armNamed('one'), 1)
    expect(keyOf(bench.protocol, armNamed('other'), 1)).toBe(key)
    expect(keyOf(bench.protocol, armNamed('one'), 2)).not.toBe(key)
    expect(keyOf(bench.protocol, { ...armNamed('one'), learningRate: 1 }, 1)).not.toBe(key)
    expect(keyOf({ ...bench.protocol, measuredOn: '' }, armNamed('one'), 1)).not.toBe(key)
  })

  it('shows solved examples before a question, of which nothing is asked', () => {
    const example = { inputIds: Int32Array.of(1, 2), labels: Int32Array.of(-100, 2), bytes: 3 }
    const { inputIds, labels, bytes } = behind(
      [{ inputIds: Int32Array.of(7, 8), labels: Int32Array.of(7, 8) }],
      example,
    )
    expect([[...inputIds], [...labels], bytes]).toEqual([[7, 8, 1, 2], [-100, -100, -100, 2], 3])
  })
})

describe('an experiment', () => {
  it('measures every kind after the same steps, and after those of the same time', () => {
    const lengths = { steps: 4, stepsInTime: (kind: string) => (kind === 'DoRA' ? 3 : 5), rateOf: () => 1 }
    const arms = armsOf('adapters', kinds, lengths)
    expect(arms.find(({ name }) => name === 'DoRA')).toMatchObject({ steps: 4, marks: [3, 4] })
    expect(arms.find(({ name }) => name === 'IA3')).toMatchObject({ steps: 5, marks: [4, 5] })
    expect(armsOf('bits', kinds, lengths).map(({ bits, steps }) => [bits, steps])).toEqual(
      [4, 8, 16, 32].flatMap((bits) => [
        [bits, 0],
        [bits, 4],
      ]),
    )
    expect(bitsKinds(kinds).map(({ name }) => name)[1]).toBe(`${paper}, 8 bits`)
  })

  it('runs nothing twice', async () => {
    const records = new Records(join(folder, 'records'))
    let runs = 0
    const make = () => records.make('arm-x', () => Promise.resolve({ run: ++runs }))
    expect([await make(), await make(), runs]).toEqual([{ run: 1 }, { run: 1 }, 1])
    expect(await records.all('arm-')).toEqual([{ run: 1 }])
  })
})

describe('the search for a learning rate', () => {
  const [kind] = kinds
  /** Nats that are least at a rate of 1. */
  const run = (arm: Arm): Promise<ArmRecord> => {
    const nats = [10 + Math.abs(Math.log(arm.learningRate))]
    const measured = [{ step: arm.steps, nats }]
    return Promise.resolve({
      key: '',
      arm,
      seed: 0,
      trainable: 0,
      measured,
      rougeL: [],
      secondsPerStep: 1,
      deviceBytes: 0,
    })
  }

  it('goes on as long as the best lies at an edge', async () => {
    if (kind === undefined) throw new Error('no kind')
    const search = { steps: 1, run, bytes: 10, scale: 1 }
    const high = await findRate({ ...kind, rate: 0.0625 }, search)
    expect(high.map(({ learningRate }) => learningRate)).toEqual([0.0156, 0.0625, 0.25, 1, 4])
    expect(bestOf(high).learningRate).toBe(1)
    expect(await findRate(kind, { ...search, run: () => Promise.resolve(null) })).toEqual([])
    const right = await findRate({ ...kind, rate: 1 }, search)
    expect(right.map(({ learningRate }) => learningRate)).toEqual([0.25, 1, 4])
  })
})
