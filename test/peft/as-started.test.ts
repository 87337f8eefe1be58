import { afterAll, describe, expect, it } from 'vitest'
import { isAsStarted } from '../../src/peft/as-started.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { adapterFiles } from '../../src/peft/files/adapter-files.ts'
import { startLora } from '../../src/peft/lora/starts/start-lora.ts'
import { replaceLoftq } from '../../src/peft/lora/starts/replace-loftq.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { startBatches } from './lora/starts/start-batches.ts'
import { tinyFalcon, tinyFile } from './tiny-falcon.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const batches = await startBatches()
const said = 'adapterFiles: nothing has trained the adapter since it was attached; what is saved is its start'

/** What is told of an adapter that is saved as it is, and again when one number of its last tensor is another. */
async function toldOf(adapter: Adapter) {
  const told: string[] = []
  const options = { convertToPlainLora: 'auto', onWarning: (message: string) => void told.push(message) } as const
  await adapterFiles(adapter, options)
  const last = [...adapter.namedTrainableParameters().values()].at(-1)
  const values = (await last?.read()) ?? new Float32Array()
  last?.write(values.map((value, i) => (i === values.length - 1 ? value + 1e-3 : value)))
  const before = [...told]
  await adapterFiles(adapter, options)
  return { before, after: told.slice(before.length) }
}

describe('an adapter that nothing has trained', () => {
  it.each([
    ['pissa', {}, {}],
    ['pissa_niter_2', {}, {}],
    ['olora', { useDora: true }, {}],
    ['loftq', {}, {}],
    ['eva', {}, { batches }],
    ['corda', {}, { batches }],
  ] as const)('is told when it is saved, begun by %s', async (initLoraWeights, config, data) => {
    const model = await tinyFalcon(device)
    const adapter = await startLora(model, { r: 4, initLoraWeights, ...config }, data)
    expect(await toldOf(adapter)).toEqual({ before: [said], after: [] })
    model.dispose()
  })

  it('is told when its factors were replaced by what the base lost', async () => {
    const model = await tinyFalcon(device, 'nf4')
    const adapter = attachLora(model, { r: 4 })
    const file = await tinyFile('model.safetensors')
    await replaceLoftq('test', adapter, (path) => file.readF32(`${path}.weight`), {})
    expect(await isAsStarted(adapter)).toBe(true)
    expect(await toldOf(adapter)).toEqual({ before: [said], after: [] })
    model.dispose()
  })
})
