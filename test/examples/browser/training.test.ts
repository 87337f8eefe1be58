import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Conversation } from '../../../examples/browser/chat/conversation.ts'
import { readRecord } from '../../../examples/browser/kept/read-record.ts'
import { measuredOn } from '../../../examples/browser/run/held-out.ts'
import { settingsOf } from '../../../examples/browser/settings/chosen-settings.ts'
import { Training, type TrainingEvent, type TrainingPlan } from '../../../examples/browser/run/training.ts'
import { Session } from '../../../examples/browser/session.ts'
import { type ModelWorker, startWorker } from '../../../src/worker/index.ts'
import { saveTinyChatModel } from '../medquad/tiny-chat-model.ts'
import { fourPairs } from './drive-page.ts'

let folder: string
let worker: ModelWorker
let session: Session
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-'))
  await saveTinyChatModel(folder)
  worker = await startWorker({ device: 'cpu' })
  const model = await worker.loadModel(folder, { quantize: { type: 'nf4', doubleQuant: true } })
  session = new Session('lab/tiny', worker, model)
})
afterAll(async () => {
  worker.terminate()
  await rm(folder, { recursive: true })
})

const [first, ...others] = fourPairs
const chosen = { steps: 8, batchSize: 2, rank: 4, evalSteps: 1 }
const settings = settingsOf(chosen, { learningRate: 0.02, targetModules: 'attention' })
const plan: TrainingPlan = {
  ...{ id: 'a', digest: '', settings, questions: ['What is gout?'] },
  data: { train: others, heldOut: first === undefined ? [] : [first] },
}

async function begun(given: Partial<TrainingPlan> = {}) {
  const kept: number[] = []
  const keep = async ({ step }: Training) => void kept.push(step)
  return { training: await Training.begin(session, { ...plan, ...given }, () => {}, keep), kept }
}

async function eventsOf(training: Training, stopAt = Infinity): Promise<TrainingEvent[]> {
  const stop = new AbortController()
  const events: TrainingEvent[] = []
  for await (const event of training.go(stop.signal)) {
    events.push(event)
    if (event === 'step' && training.step === stopAt) stop.abort()
  }
  return events
}

describe('a run of the page', () => {
  it('measures and answers between its steps, and learns the same bits as one that does neither and never stops', async () => {
    const plain = await begun({ questions: [], data: { train: others, heldOut: [] } })
    expect(new Set(await eventsOf(plain.training))).toEqual(new Set(['step', 'kept']))
    const weights = (await session.files(null)).get('adapter_model.safetensors')

    const { training, kept } = await begun()
    await eventsOf(training, 3)
    expect([training.step, kept]).toEqual([3, [3]])
    expect(training.record.training.map(({ step }) => step)).toEqual([1, 2, 3])
    await eventsOf(training)
    const { record } = training
    expect(kept).toEqual([3, 8])
    expect(record.training.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(record.evaluation.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(record.samples.map(({ step }) => step)).toEqual([0, 2, 4, 6, 8])
    const [before, after] = [record.evaluation[0], record.evaluation[8]].map(
      (entry) => entry?.metrics['evalLoss'] ?? NaN,
    )
    expect(after).not.toBe(before)
    expect(training.memory.peak).toBeGreaterThan(training.memory.live)
    expect(training.begun.planned).toBeGreaterThanOrEqual(training.memory.peak * 0.5)
    expect((await session.files(record)).get('adapter_model.safetensors')).toEqual(weights)
    const card = new TextDecoder().decode((await session.files(record)).get('README.md'))
    expect(card).toContain('8 of 8')
    expect(readRecord(JSON.stringify(record))).toEqual(record)
  })

  it('remembers each side by its own answers, and draws the same by the same seed', async () => {
    const { training } = await begun()
    await eventsOf(training)
    const { signal } = new AbortController()
    const said = async (side: 'before' | 'after', seed: number) => {
      let text = ''
      const past = fourPairs.slice(0, 1)
      const options = { signal, past, temperature: 1.5, seed, maxNewTokens: 12 }
      for await (const piece of session.answer('And gout?', side, options)) text += piece
      return text
    }
    expect(await said('after', 1)).toBe(await said('after', 1))
    expect(await said('after', 1)).not.toBe(await said('after', 2))
    const conversation = new Conversation()
    const at = conversation.ask('One?')
    conversation.say(at, 'before', 'a')
    const next = conversation.ask('Two?')
    expect(conversation.past(next, 'before')).toEqual([{ question: 'One?', answer: 'a' }])
    expect(conversation.past(next, 'after')).toEqual([])
  })
})

it('measures on all of few held-out questions, and on forty of many', () => {
  const pairs = (count: number) => Array.from({ length: count }, (_, i) => ({ question: `${i}`, answer: 'a' }))
  for (const few of [0, 1, 40]) expect(measuredOn(pairs(few))).toEqual(pairs(few))
  const some = measuredOn(pairs(1649)).map(({ question }) => Number(question))
  expect([some.length, some[0]]).toEqual([40, 0])
  expect(some.at(-1)).toBeGreaterThan(1600)
})

it.each(['', '{', 'null', '[]', '{"version":1,"id":"a"}', '{"version":2}'])('takes %j for no record', (json) => {
  expect(readRecord(json)).toBe(null)
})
