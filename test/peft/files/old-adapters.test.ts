import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { bytesSource, openSafetensors } from '../../../src/safetensors/index.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

const folder = 'tiny-falcon-rw/old-adapters'
const names = await readdir(join(import.meta.dirname, '../../fixtures', folder))
const { batch } = await tinyBatch()

describe.each(await testEngines())('adapters of older PEFT, on $description', (device) => {
  afterAll(() => device.dispose())

  it('are of eight versions', () => {
    expect(new Set(names.map((name) => name.split('-')[1])).size).toBe(8)
    expect(names).toContain('lora-0.1.0')
  })

  // PEFT 0.21.2 itself forgets the biases of 0.1, 0.3 and 0.5: its logits are off by 1.47 there.
  it.each(names)('%s computes what it did there, and so does what is saved of it', async (name) => {
    const model = await tinyFalcon(device)
    const wanted = await (await tinyFile(`old-adapters/${name}/logits.safetensors`)).readF32('logits')
    const json = await tinyText(`old-adapters/${name}/adapter_config.json`)
    const told: string[] = []
    const options = { device, onWarning: (message: string) => void told.push(message) }
    const file = await tinyFile(`old-adapters/${name}/adapter_model.safetensors`)
    const adapter = await loadAdapter(model, json, file, options)
    expect(maxDifference(await model.forward(batch).read(), wanted)).toBeLessThan(1e-5 * maxMagnitude(wanted))
    expect(told).toEqual(
      name === 'lora-0.1.0'
        ? [
            'adapter_config.json: the field "enable_lora" is not known; null does nothing here, and is saved again with the adapter',
          ]
        : [],
    )
    const files = await adapterFiles(adapter)
    adapter.detach()
    const saved = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array()))
    await loadAdapter(model, new TextDecoder().decode(files.get('adapter_config.json')), saved, { device })
    expect(maxDifference(await model.forward(batch).read(), wanted)).toBeLessThan(1e-5 * maxMagnitude(wanted))
    model.dispose()
  })
})

describe.each((await testEngines()).slice(0, 1))('biases that PEFT forgot to save', (device) => {
  afterAll(() => device.dispose())

  it('are told, with the way to what PEFT computes without them', async () => {
    const model = await tinyFalcon(device)
    const json = JSON.parse(await tinyText('old-adapters/lora-0.13.2/adapter_config.json')) as object
    const file = await tinyFile('old-adapters/lora-0.13.2/adapter_model.safetensors')
    await expect(loadAdapter(model, { ...json, bias: 'lora_only' }, file, { device })).rejects.toThrow(
      'self_attention.dense.base_layer.bias; PEFT from 0.7 to 0.20 trains biases and does not save them, so they are lost; ' +
        'to compute without them, as PEFT does, write "bias": "none" in adapter_config.json',
    )
    model.dispose()
  })
})
