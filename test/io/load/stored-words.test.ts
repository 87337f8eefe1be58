import { afterAll, describe, expect, it } from 'vitest'
import { inspectModel, type ModelReport } from '../../../src/io/plan/inspect-model.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture, readFixture } from '../../fixtures/open-fixture.ts'
import { logitsOf } from '../../golden/model-checks.ts'
import { maxDifference } from '../../peft/tiny-falcon.ts'
import { filesOf } from '../tiny-files.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const expected = await openFixture('stored/logits.safetensors')
const batch = { inputIds: (await expected.read('input_ids')) as Int32Array, shape: [1, 12] as const }
const kinds = [
  ...['bfloat16-single', 'bfloat16-double', 'float16-double', 'float32-single', 'float32-double'],
  ...['float64-double', 'int8-single', 'uint8-single'],
]
const folder = async (kind: string) => {
  const bytes = async (name: string) => Uint8Array.from(await readFixture(`stored/${kind}/${name}`))
  return filesOf({
    'config.json': await bytes('config.json'),
    'model.safetensors': await bytes('model.safetensors'),
  })
}

describe.each(devices)('4-bit weights in words of bnb_4bit_quant_storage on $description', (device) => {
  it.each(kinds)('%s have the logits of their numbers', async (kind) => {
    const before = device.memory.liveBytes
    const { model } = await loadModel(await folder(kind), { device })
    const [, scales = ''] = kind.split('-')
    expect(maxDifference(await logitsOf(model, batch), await expected.readF32(scales))).toBeLessThan(1e-5)
    model.dispose()
    expect(device.memory.liveBytes - before).toBeLessThanOrEqual(4 * 272)
  })
})

describe('4-bit weights in words', () => {
  it.each(kinds)('%s are told, and saved in bytes', async (kind) => {
    const [device] = devices
    if (device === undefined) throw new Error('there is no device')
    const report = (await inspectModel(await folder(kind))) as ModelReport
    const doubleQuant = kind.endsWith('double')
    expect(report.quantization).toEqual({ type: 'nf4', blockSize: 64, doubleQuant, layers: 7 })
    const { model } = await loadModel(await folder(kind), { device })
    const saved = filesOf(Object.fromEntries(await modelFiles(model)))
    const { files, quantization } = (await inspectModel(saved)) as ModelReport
    expect(quantization).toEqual(report.quantization)
    expect(Object.keys(files.dtypes).sort()).toEqual(['F32', 'U8'])
    const again = await loadModel(saved, { device })
    expect(await logitsOf(again.model, batch)).toEqual(await logitsOf(model, batch))
    for (const one of [model, again.model]) one.dispose()
  })
})
