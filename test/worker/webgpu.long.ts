import { join } from 'node:path'
import { expect, test } from 'vitest'
import { completeText, loadModel, openDevice } from '../../src/index.ts'
import { startWorker } from '../../src/worker/index.ts'

const base = join(import.meta.dirname, '../../examples/medquad/base')
const rows = Array.from({ length: 8 }, (_, i) => ({ prompt: `What is number ${i}?`, completion: ` It is ${7 * i}.` }))

test('WebGPU in a worker gives the same text, and is ended while it works without ending the program', async () => {
  const { device } = await openDevice({ device: 'webgpu' })
  const { model, tokenizer } = await loadModel(base, { device })
  const worker = await startWorker({ device: 'webgpu' })
  expect(worker.device).toMatchObject({ kind: 'webgpu', description: device.description })
  const there = await worker.loadModel(base)
  const options = { maxNewTokens: 8 }
  expect(await there.completeText('What is gout?', options)).toBe(
    await completeText(model, tokenizer!, 'What is gout?', options),
  )
  await there.attachLora({ r: 4 })
  await new Promise<void>((resolve, reject) => {
    const callbacks = [{ name: 'begun', onStepEnd: () => resolve() }]
    const training = there.train(rows, { maxSteps: 10_000, batchSize: 2, callbacks })
    void training.then(reject, (error: unknown) => expect(error).toMatchObject({ code: 'device' }))
  })
  worker.terminate()
  // Dawn ends a program whose thread it is cut off from, if it does, within this time.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  expect(await completeText(model, tokenizer!, 'What is gout?', options)).not.toBe('')
  device.dispose()
})
