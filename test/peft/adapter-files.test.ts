import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../src/models/falcon.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/adapter-files.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { bytesSource, openSafetensors, writeSafetensors } from '../../src/safetensors/index.ts'
import type { TensorReader } from '../../src/safetensors/index.ts'
import { testDevices } from '../device/devices.ts'
import { tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

const config = await tinyText('adapters/lora-bias/adapter_config.json')
const { batch } = await tinyBatch()
const key = (layer: number, name: string) =>
  `base_model.model.transformer.h.${layer}.self_attention.query_key_value.${name}`

/** The saved adapter with some tensors renamed, dropped (null) or reshaped. */
async function alteredFile(
  change: (name: string, shape: readonly number[]) => [string, readonly number[]] | null,
): Promise<TensorReader> {
  const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
  const tensors = []
  for (const old of file.names) {
    const changed = change(old, file.info(old).shape)
    if (changed !== null)
      tensors.push({ name: changed[0], shape: changed[1], dtype: 'F32', data: await file.readF32(old) } as const)
  }
  return openSafetensors(bytesSource(writeSafetensors(tensors)))
}

describe.each(await testDevices())('adapter files on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  /** Loads, expects the sentence, and the model as before. */
  const refuse = async (reader: TensorReader, message: string): Promise<void> => {
    const before = await model.forward(batch).read()
    const { liveBytes } = device.memory
    await expect(loadAdapter(model, config, reader, { device })).rejects.toThrow(
      expect.objectContaining({ code: 'format', message }) as Error,
    )
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(await model.forward(batch).read()).toEqual(before)
  }

  const fits = 'loadAdapterWeights: the file does not fit the adapter, whose tensors are 6: '

  it('refuses a file of other names, and lists both', async () => {
    const file = await alteredFile((name, shape) => [name.replace('base_model.model.', ''), shape])
    const wanted = [0, 1].flatMap((layer) =>
      ['lora_A.weight', 'lora_B.weight', 'base_layer.bias'].map((name) => key(layer, name)),
    )
    const short = (names: readonly string[]) => `${names.slice(0, 5).join(', ')}, …`
    await refuse(file, `${fits}missing 6: ${short(wanted)}; unexpected 6: ${short(file.names)}`)
  })

  it('refuses other shapes', async () => {
    const file = await alteredFile((name, shape) => [
      name,
      name.includes('1.self_attention.query_key_value.lora_A') ? [2, 64] : shape,
    ])
    await refuse(file, `${fits}of another shape 1: ${key(1, 'lora_A.weight')} [2,64] where the model needs [4,32]`)
  })

  it('refuses a file that lacks one', async () => {
    const file = await alteredFile((name, shape) => (name === key(0, 'base_layer.bias') ? null : [name, shape]))
    await refuse(file, `${fits}missing 1: ${key(0, 'base_layer.bias')}`)
  })

  it('leaves the model alone when reading fails halfway', async () => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    let left = 4
    const failing: TensorReader = {
      ...file,
      readF32: async (name) => {
        if (left-- === 0) throw new Error('the line is cut')
        return file.readF32(name)
      },
    }
    const before = await model.forward(batch).read()
    const { liveBytes } = device.memory
    await expect(loadAdapter(model, config, failing, { device })).rejects.toThrow('the line is cut')
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(await model.forward(batch).read()).toEqual(before)
  })

  it('loads frozen unless told, and tells of fields it does not know', async () => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    const told: string[] = []
    const json = { ...(JSON.parse(config) as object), strength: 2 }
    const adapter = await loadAdapter(model, json, file, { device, onIgnored: (fields) => told.push(...fields) })
    expect(model.trainable()).toEqual([])
    expect(told).toEqual(['strength'])
    adapter.detach()
    await loadAdapter(model, config, file, { device, trainable: true })
    expect(model.trainable()).toHaveLength(6)
  })

  it('passes over names that only other models have, as PEFT does', async () => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    const json = { ...(JSON.parse(config) as object), target_modules: ['query_key_value', 'q_proj'] }
    const adapter = await loadAdapter(model, json, file, { device })
    expect(adapter.layers.size).toBe(2)
  })

  it('writes a model card by which the Hub finds the base model', async () => {
    const adapter = attachLora(model, {}, { device })
    const files = await adapterFiles(adapter, { baseModel: 'tiiuae/falcon-rw-1b', card: '# Mine' })
    expect([...files.keys()]).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'README.md'])
    expect(new TextDecoder().decode(files.get('README.md'))).toBe(
      '---\nbase_model: tiiuae/falcon-rw-1b\nlibrary_name: peft\npipeline_tag: text-generation\ntags:\n' +
        '- base_model:adapter:tiiuae/falcon-rw-1b\n- lora\n- transformers\n---\n\n# Mine\n\n### Framework versions\n\n' +
        '- peft-medaware, in the format of PEFT 0.21.0\n',
    )
    const saved = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))) as Record<string, unknown>
    expect(saved['base_model_name_or_path']).toBe('tiiuae/falcon-rw-1b')
  })
})
