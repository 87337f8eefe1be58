import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { testEngines } from '../device/devices.ts'
import { readFixture } from '../fixtures/open-fixture.ts'
import { adapterChecks } from '../golden/adapter-checks.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

/** Folders of tiny-falcon-rw/adapters. */
const kinds = [
  'lora',
  'lora-all-linear',
  'rslora',
  'lora-patterns',
  'lora-bias',
  'lora-bias-all',
  'lora-lora-bias',
  'dora',
  'dora-all-linear',
  'dora-rslora',
  'ia3',
  'ln-tuning',
  'lora-modules-to-save',
  'lora-embedding',
  'lora-trainable-tokens',
  'loha',
  'lokr',
  'lokr-decompose-both',
  'oft',
  'vera',
  'vera-seeded',
  'adalora',
  'prompt-tuning',
  'prefix-tuning',
  'prefix-tuning-projected',
  'p-tuning',
  'p-tuning-lstm',
]

describe.each(await testEngines())('adapters that PEFT saved, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  it.each(kinds)('%s: logits, loss, gradients, files and merged logits are its', async (kind) => {
    const golden = {
      config: await tinyText(`adapters/${kind}/adapter_config.json`),
      weights: await readFixture(`tiny-falcon-rw/adapters/${kind}/adapter_model.safetensors`),
      reference: await tinyFile(`adapters/${kind}/reference.safetensors`),
    }
    let count = 0
    for await (const check of adapterChecks(model, golden, await tinyFile('reference.safetensors'))) {
      if (!('leftOut' in check)) expect(check, check.name).toMatchObject({ ok: true })
      if ('ok' in check) count++
    }
    expect(count).toBeGreaterThanOrEqual(6)
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
