import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../src/models/falcon.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { testEngines } from '../device/devices.ts'
import { readFixture } from '../fixtures/open-fixture.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

const kinds = [
  'lora',
  'lora-all-linear',
  'rslora',
  'lora-patterns',
  'lora-bias',
  'lora-bias-all',
  'ia3',
  'loha',
  'lokr',
  'lokr-decompose-both',
]

describe.each(await testEngines())('adapters that PEFT saved, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const load = async (kind: string) =>
    loadAdapter(
      model,
      await tinyText(`adapters/${kind}/adapter_config.json`),
      await tinyFile(`adapters/${kind}/adapter_model.safetensors`),
      {
        device,
        trainable: true,
      },
    )

  it.each(kinds)('%s: logits, loss and gradients are its', async (kind) => {
    const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
    const { batch, labels } = await tinyBatch()
    const adapter = await load(kind)
    expect(maxDifference(await model.forward(batch).read(), await reference.readF32('logits'))).toBeLessThan(1e-4)
    const { loss, grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    expect(maxDifference(await loss.read(), await reference.readF32('loss'))).toBeLessThan(1e-5)
    const names = reference.names.filter((name) => name.startsWith('grad.')).map((name) => name.slice(5))
    expect([...adapter.namedTrainableParameters().keys()].sort()).toEqual(names.sort())
    expect(grads.size).toBe(names.length)
    for (const [name, tensor] of adapter.namedTrainableParameters()) {
      const wanted = await reference.readF32(`grad.${name}`)
      const given = (await grads.get(tensor)?.read()) ?? []
      expect(maxDifference(given, wanted) / maxMagnitude(wanted), name).toBeLessThan(1e-3)
    }
  })

  it.each(kinds)('%s: the merged model gives its logits', async (kind) => {
    const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
    const { batch } = await tinyBatch()
    const adapter = await load(kind)
    adapter.merge()
    expect(maxDifference(await model.forward(batch).read(), await reference.readF32('merged_logits'))).toBeLessThan(
      1e-4,
    )
  })

  it.each(kinds)('%s: saved again, its files are the same bytes', async (kind) => {
    const files = await adapterFiles(await load(kind))
    const name = 'adapter_model.safetensors'
    expect(files.get(name)).toEqual(new Uint8Array(await readFixture(`tiny-falcon-rw/adapters/${kind}/${name}`)))
    // IA3's folder is of a later PEFT, whose config differs in its version alone.
    const config = (await tinyText(`adapters/${kind}/adapter_config.json`)).replace('0.21.2', '0.21.0')
    expect(new TextDecoder().decode(files.get('adapter_config.json'))).toBe(config)
  })

  it('QLoRA: logits, loss and first gradients on a 4-bit base are those over bitsandbytes', async () => {
    const reference = await tinyFile('qlora/reference.safetensors')
    const { batch, labels } = await tinyBatch()
    const fourBit = await tinyFalcon(device, 'nf4')
    const adapter = attachLora(fourBit, { r: 4, loraAlpha: 8 }, { device })
    for (const [name, tensor] of adapter.namedTrainableParameters())
      tensor.write(await reference.readF32(`start.${name}`))
    expect(maxDifference(await fourBit.forward(batch).read(), await reference.readF32('base_logits'))).toBeLessThan(
      1e-4,
    )
    const { loss, grads } = valueAndGrad(fourBit, () => fourBit.loss(batch, labels))(null)
    expect(await loss.item()).toBeCloseTo((await reference.readF32('losses'))[0] ?? NaN, 5)
    for (const [name, tensor] of adapter.namedTrainableParameters()) {
      const wanted = await reference.readF32(`grad0.${name}`)
      const given = (await grads.get(tensor)?.read()) ?? []
      // A starts with no gradient, for B is 0.
      expect(maxDifference(given, wanted), name).toBeLessThanOrEqual(1e-3 * maxMagnitude(wanted))
    }
  })
})
