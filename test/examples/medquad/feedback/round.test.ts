import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adaptersOf, ProgressLine } from '../../../../src/index.ts'
import { openBase, type OpenedModel } from '../../../../examples/medquad/feedback/open-base.ts'
import { composeRound } from '../../../../examples/medquad/feedback/round/compose-round.ts'
import { gate, type GateLosses } from '../../../../examples/medquad/feedback/round/gate.ts'
import { runRound, type RoundPlace } from '../../../../examples/medquad/feedback/round/run-round.ts'
import { exportLines } from '../../../../examples/medquad/feedback/store/feedback-lines.ts'
import { FeedbackStore } from '../../../../examples/medquad/feedback/store/feedback-store.ts'
import { baseFolder } from '../../../../examples/medquad/bases.ts'
import { tempFolder } from '../medquad-files.ts'
import { root } from '../../../programs/run-program.ts'
import { start } from '../run-script.ts'

const data = join(root, 'examples/medquad/sample')
const given = { model: 'base', version: 1, seed: 0, settings: {} }
const flags = { passes: '4', batch: '2', 'max-length': '48', 'held-out': '4', guard: '4', 'dpo-lr': '0.001' }
const settings = {
  mix: { passes: 4, general: 1, earlier: 1 },
  ...{ learningRate: 1e-3, dpoLearningRate: 1e-3, dpoPasses: 3, beta: 0.1, batchSize: 2, maxLength: 48 },
  ...{ heldOut: 4, guard: 4, seed: 0 },
}
const wanted = 'Gout is an arthritis of crystals.'

const line = new ProgressLine({ isTTY: false, write: () => true })
let opened: OpenedModel & Pick<RoundPlace, 'data'>
beforeAll(async () => {
  opened = await openBase({ model: undefined, device: 'cpu', data, line, warn: () => undefined })
})
afterAll(() => opened.device.dispose())

/** A store with a correction and a preference. */
async function storeOf(): Promise<FeedbackStore> {
  const store = await FeedbackStore.open(await tempFolder())
  store.versions.begin(baseFolder, {})
  const question = store.addQuestion('What is gout ?')
  const [first, second] = ['A cramp.', 'A swelling of joints.'].map((text) => {
    return store.addAnswer(question, { ...given, text })
  }) as [number, number]
  store.correct(first, wanted)
  store.prefer(second, first)
  return store
}
const place = (store: FeedbackStore): RoundPlace => {
  return { ...opened, store, line, signal: new AbortController().signal, say: () => undefined }
}

describe('what a round goes through', () => {
  it('has all corrections in each pass, and deals replay so that none comes twice before all have come', () => {
    const sources = { corrections: ['a', 'b'], earlier: ['x', 'y', 'z'], general: ['1', '2', '3', '4', '5', '6', '7'] }
    const round = composeRound(sources, { passes: 3, earlier: 1, general: 1 }, 5)
    const times = (each: string) => round.filter((one) => one === each).length
    expect(round).toHaveLength(18)
    for (const pass of [0, 6, 12]) expect(round.slice(pass, pass + 6)).toEqual(expect.arrayContaining(['a', 'b']))
    expect(sources.earlier.map(times)).toEqual([2, 2, 2])
    expect(sources.general.map(times).sort()).toEqual([0, 1, 1, 1, 1, 1, 1])
    expect(composeRound({ ...sources, earlier: [] }, { passes: 1, earlier: 2, general: 0 }, 5).sort()).toEqual([
      'a',
      'b',
    ])
  })
})

describe('the gate', () => {
  const losses = (heldOut: readonly number[], guard: readonly number[] = [1, 1, 1, 1]): GateLosses => {
    const of = (some: readonly number[]) => {
      return some.map((nats, i) => ({ id: `${i}`, disease: `${i}`, nats: nats * 10, tokens: 10, bytes: null }))
    }
    return { heldOut: of(heldOut), guard: of(guard) }
  }
  const was = losses([2, 2, 2, 2])
  it.each([
    ['lets what is better through', losses([1.9, 1.8, 2, 1.9]), true],
    ['lets through what got worse within its interval', losses([2.4, 1.7, 2.3, 1.9]), true],
    ['refuses what got worse beyond it', losses([2.1, 2.2, 2.1, 2.3]), false],
    ['refuses what got worse on the guard alone', losses([1, 1, 1, 1], [1.1, 1.2, 1.1, 1.1]), false],
  ])('%s', (_, after, isKept) => {
    expect(gate(new Map([[1, was]]), after).isKept).toBe(isKept)
  })
  it('holds a version against the best one that it came from as well', () => {
    const { sets, isKept } = gate(
      new Map([
        [2, losses([2.2, 2.2, 2.2, 2.2])],
        [1, was],
      ]),
      losses([2.1, 2.1, 2.2, 2.1]),
    )
    expect(isKept).toBe(false)
    expect(sets.map(({ against, name, isWorse }) => [against, name, isWorse])).toEqual([
      ...[
        [2, 'held-out', false],
        [2, 'guard', false],
      ],
      ...[
        [1, 'held-out', true],
        [1, 'guard', false],
      ],
    ])
  })
})

describe('a round', () => {
  it('that is killed leaves the active version, and goes on to what one that was not makes, bit for bit', async () => {
    const whole = await storeOf()
    const outcome = await runRound(place(whole), settings)
    expect(outcome).toMatchObject({ id: 2, parent: 1, gate: { isKept: true } })
    expect(whole.versions.active).toMatchObject({ id: 2, status: 'kept' })
    expect(whole.versions.learntCorrections(2)).toMatchObject([{ wanted, question: 'What is gout ?' }])
    const [learnt] = outcome?.corrections ?? []
    expect(learnt?.lossAfter).toBeLessThan(learnt?.lossBefore ?? 0)
    expect(outcome?.preferences).toMatchObject([{ isLearnt: true }])
    expect(whole.corrections(false)).toEqual([])
    expect(adaptersOf(opened.model).size).toBe(0)
    // Nothing is new, and nothing is done.
    expect(await runRound(place(whole), settings)).toBeNull()

    const folder = await tempFolder()
    const file = join(folder, 'feedback.jsonl')
    await writeFile(file, exportLines(whole.database).join('\n'))
    const common = ['--store', join(folder, 'store')]
    expect((await start('feedback/feedback', ['import', ...common, '--file', file])).stdout).toBe('5 rows added\n')
    const told = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
    const args = ['round', ...common, '--data', data, '--device', 'cpu', '--lr', '0.001', ...told]
    const killed = await start('feedback/feedback', args, {
      watch: (text, stop) => {
        if (text.includes('1 preferences, in')) stop('SIGKILL')
      },
    })
    expect(killed.code).toBeNull()
    const still = await start('feedback/feedback', ['versions', ...common])
    expect(still.stdout).toMatch(/^\* 1\tstart\t[^\n]+\n$/)
    const resumed = await start('feedback/feedback', args)
    expect(resumed.stderr).not.toContain('error')
    expect(resumed.stdout).toMatch(/^resumed {4}the round of version 2, with the options that it began with$/m)
    expect(resumed.stdout).toMatch(/^version 2, kept/m)
    const adapterIn = (store: string) => readFileSync(join(store, 'versions/2/adapter_model.safetensors'))
    expect(adapterIn(join(folder, 'store')).equals(adapterIn(whole.folder))).toBe(true)
    whole.close()
  })

  it('that makes the model worse is kept as rejected, and does not answer', async () => {
    const store = await storeOf()
    const outcome = await runRound(place(store), {
      ...settings,
      learningRate: 0.3,
      mix: { ...settings.mix, general: 0 },
    })
    expect(outcome?.gate.isKept).toBe(false)
    expect(outcome?.gate.sets.some(({ isWorse, change }) => isWorse && (change.low ?? 0) > 0)).toBe(true)
    expect(store.versions.active.id).toBe(1)
    expect(store.versions.version(2).status).toBe('rejected')
    // What it was to learn is to be learnt still.
    expect(store.corrections(false)).toHaveLength(1)
    expect(() => store.versions.rollBack(2)).toThrow('rejected by the gate')
    store.close()
  })
})
