import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Session } from '../../../examples/browser/session.ts'
import { settingsOf } from '../../../examples/browser/settings/chosen-settings.ts'
import { dialogueOf } from '../../../examples/medquad/dialogue.ts'
import { completeText, evaluateLoss, loadModel, openDevice, type StepReport } from '../../../src/index.ts'
import { startWorker } from '../../../src/worker/index.ts'
import { saveTinyChatModel } from '../medquad/tiny-chat-model.ts'
import { fourPairs } from './drive-page.ts'
import { saveTinyLlama } from './tiny-llama.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'session-'))
})
afterAll(() => rm(folder, { recursive: true }))

const chatAnswer = (answer: string) => `${answer}<|im_end|>\n`
const plainAnswer = (answer: string) => ` ${answer}<|endoftext|>`

it.each([
  ['in conversation, where it has a chat template', saveTinyChatModel, '<|im_start|>assistant\n', chatAnswer],
  ['as plain text, where it has none', saveTinyLlama, '\nAnswer:', plainAnswer],
])('teaches and asks a model %s', async (_how, save, end, answered) => {
  const path = await mkdtemp(join(folder, 'model-'))
  await save(path)
  const options = { quantize: { type: 'nf4', doubleQuant: true } } as const
  const { device } = await openDevice({ device: 'cpu' })
  const { model, tokenizer } = await loadModel(path, { ...options, device })
  if (tokenizer === null) return expect.unreachable()
  const { promptOf } = dialogueOf(tokenizer)
  const prompt = await promptOf('What is gout?')
  expect(prompt.endsWith(end)).toBe(true)

  const worker = await startWorker({ device: 'cpu' })
  const session = new Session('lab/tiny', worker, await worker.loadModel(path, options))
  const { signal } = new AbortController()
  const chosen = { steps: 1, batchSize: 4, rank: 4, maxLength: 256 }
  const settings = settingsOf(chosen, { learningRate: 0.01, targetModules: 'attention' })
  const long = { question: 'What is gout, and why? '.repeat(99), answer: 'Crystals.' }
  const begun = await session.begin({ train: [...fourPairs, long], heldOut: [] }, settings, () => {})
  expect(begun).toMatchObject({ examples: 4, heldOut: 0, truncated: 0 })
  expect(session.tooLong).toEqual([long])
  const reports: StepReport[] = []
  for await (const report of session.train(signal)) reports.push(report)
  // A fresh adapter changes nothing yet.
  const examples = await Promise.all(
    fourPairs.map(async ({ question, answer }) => {
      const asked = tokenizer.encode(await promptOf(question), { addSpecialTokens: false })
      const said = tokenizer.encode(answered(answer), { addSpecialTokens: false })
      return { inputIds: Int32Array.of(...asked, ...said), labels: Int32Array.of(...asked.map(() => -100), ...said) }
    }),
  )
  expect(reports[0]?.loss).toBeCloseTo((await evaluateLoss(model, examples)).loss, 5)
  let answer = ''
  for await (const piece of session.answer('What is gout?', 'before', { signal })) answer += piece
  const asked = { maxNewTokens: 96, repetitionPenalty: 1.15 }
  expect(answer).toBe(await completeText(model, tokenizer, prompt, asked))
  session.close()
  device.dispose()
})
