import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { modelCard } from '../../src/peft/card/adapter-card.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { attachLora } from '../../src/peft/attach.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { bytesSource, openSafetensors, writeSafetensors } from '../../src/safetensors/index.ts'
import type { TensorReader } from '../../src/safetensors/index.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from './tiny-falcon.ts'

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

describe.each(await testEngines())('adapter files on $description', (device) => {
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

  const fits = 'loadAdapter: the file does not fit the adapter, whose tensors are 6: '

  it('refuses a file of other names, and lists both', async () => {
    const file = await alteredFile((name, shape) => [name.replace('base_model.model.', ''), shape])
    const wanted = [0, 1].flatMap((layer) =>
      ['lora_A.weight', 'lora_B.weight', 'base_layer.bias'].map((name) => key(layer, name)),
    )
    const short = (names: readonly string[]) => `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`
    const why = `its keys begin with "" where PEFT's begin with "base_model.model."; save it with PEFT's save_pretrained`
    await refuse(file, `${fits}missing 6: ${short(wanted)}; unexpected 6: ${short(file.names)}; ${why}`)
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

  it('says all that is wrong in one list', async () => {
    const file = await alteredFile((name, shape) => {
      if (name === key(0, 'lora_A.weight')) return null
      if (name === key(0, 'lora_B.weight')) return [key(0, 'lora_embedding_B'), shape]
      return [name, name === key(1, 'lora_A.weight') ? [2, 64] : shape]
    })
    const missing = `missing 2: ${key(0, 'lora_A.weight')}, ${key(0, 'lora_B.weight')}`
    const reshaped = `of another shape 1: ${key(1, 'lora_A.weight')} [2,64] where the model needs [4,32]`
    await refuse(file, `${fits}${missing}; unexpected 1: ${key(0, 'lora_embedding_B')}; ${reshaped}`)
  })

  it('refuses a rank that the file has not, before anything is allocated', async () => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    const json = { ...(JSON.parse(config) as object), r: 1e9 }
    device.memory.resetPeak()
    const { liveBytes } = device.memory
    const loading = loadAdapter(model, json, file, { device })
    await expect(loading).rejects.toThrow(`${key(0, 'lora_A.weight')} [4,32] where the model needs [1000000000,32]`)
    expect(device.memory.peakBytes).toBe(liveBytes)
  })

  it('loads frozen unless told', async () => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    const adapter = await loadAdapter(model, config, file, { device })
    expect(model.trainableParameters()).toEqual([])
    adapter.detach()
    await loadAdapter(model, config, file, { device, trainable: true })
    expect(model.trainableParameters()).toHaveLength(6)
  })

  it('refuses fields that it does not know, unless a caller does', async () => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    const json = { ...(JSON.parse(config) as object), strength: 2 }
    await expect(loadAdapter(model, json, file, { device })).rejects.toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message:
          'adapter_config.json: the field "strength" is not known, and 2 may change what the adapter computes; if it does not, pass ignoreFields: ["strength"]',
      }) as Error,
    )
    const adapter = await loadAdapter(model, json, file, { device, ignoreFields: ['strength'] })
    expect(adapter.layers.size).toBe(2)
  })

  const cases = [
    'empty-exclude',
    'exclude-regex',
    'pattern',
    'eva',
    'orthogonal',
    'mica',
    'half',
    'bfloat',
    'named-keys',
  ]
  it.each(cases)('computes what PEFT computes of %s, and of what is saved of it', async (name) => {
    const wanted = await (await tinyFile('adapter-cases/logits.safetensors')).readF32(name)
    const json = await tinyText(`adapter-cases/${name}/adapter_config.json`)
    const file = await tinyFile(`adapter-cases/${name}/adapter_model.safetensors`)
    const adapter = await loadAdapter(model, json, file, { device })
    expect(maxDifference(await model.forward(batch).read(), wanted)).toBeLessThan(1e-5 * maxMagnitude(wanted))
    const files = await adapterFiles(adapter)
    adapter.detach()
    const saved = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array()))
    await loadAdapter(model, new TextDecoder().decode(files.get('adapter_config.json')), saved, { device })
    expect(maxDifference(await model.forward(batch).read(), wanted)).toBeLessThan(1e-5 * maxMagnitude(wanted))
  })

  it('does not train what MiCA began, of which B must stay', async () => {
    const json = await tinyText('adapter-cases/mica/adapter_config.json')
    const file = await tinyFile('adapter-cases/mica/adapter_model.safetensors')
    await expect(loadAdapter(model, json, file, { device, trainable: true })).rejects.toThrow(
      'loadAdapter: the adapter was begun with MiCA, which trains A alone; that is not supported, so leave trainable out',
    )
    await loadAdapter(model, json, file, { device })
  })

  it.each<[object | undefined, string]>([
    [{ device: 5 }, 'loadAdapter: device must be a device, such as openDevice gives, got 5'],
    [{ isTrainable: true }, 'loadAdapter: there is no option "isTrainable"; did you mean trainable?'],
    [{ trainable: 'yes' }, 'loadAdapter: trainable must be true or false, got "yes"'],
    [{ ignoreFields: 'strength' }, 'loadAdapter: ignoreFields must be a list of a text, got "strength"'],
  ])('refuses the options %j', async (options, message) => {
    const file = await tinyFile('adapters/lora-bias/adapter_model.safetensors')
    const given = options && { device, ...options }
    await expect(loadAdapter(model, config, file, given as { device: typeof device })).rejects.toThrow(message)
  })

  it('names the model it was attached to as its base, unless it is told another', async () => {
    Object.assign(model, { nameOrPath: 'tiiuae/falcon-rw-1b', revision: 'v2' })
    const written = async (given: Partial<LoraConfig>) => {
      const adapter = attachLora(model, given, { device })
      const text = new TextDecoder().decode((await adapterFiles(adapter)).get('adapter_config.json'))
      adapter.detach()
      const { base_model_name_or_path, revision } = JSON.parse(text) as Record<string, unknown>
      return [base_model_name_or_path, revision]
    }
    expect(await written({})).toEqual(['tiiuae/falcon-rw-1b', 'v2'])
    expect(await written({ baseModelNameOrPath: 'mine' })).toEqual(['mine', null])
  })

  it('is not saved of an adapter that is off its model', async () => {
    const detached = attachLora(model, {}, { device })
    detached.detach()
    await expect(adapterFiles(detached)).rejects.toThrow(
      'adapterFiles: the adapter is no longer on its model, it was detached',
    )
    const merged = attachLora(model, {}, { device })
    merged.merge()
    await expect(adapterFiles(merged)).rejects.toThrow(
      'adapterFiles: the adapter is no longer on its model, it was merged into it; the model itself can be saved',
    )
  })

  it.each<[object, string]>([
    [{ base_model: 'x' }, 'adapterFiles: there is no option "base_model"; did you mean baseModel?'],
    [{ card: 3 }, 'adapterFiles: card must be a text, got 3'],
  ])('refuses the options %j for files', async (options, message) => {
    await expect(adapterFiles(attachLora(model, {}, { device }), options)).rejects.toThrow(message)
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
    const card = new TextDecoder().decode(files.get('README.md'))
    expect(card.slice(0, card.indexOf('\n- Base'))).toBe(
      '---\nbase_model: tiiuae/falcon-rw-1b\nlibrary_name: peft\npipeline_tag: text-generation\ntags:\n' +
        '- base_model:adapter:tiiuae/falcon-rw-1b\n- lora\n- transformers\n- peft-medaware\n---\n\n# Mine\n',
    )
    const [withCard, without] = [{ baseModel: 'tiiuae/falcon-rw-1b', card: '# Mine' }, {}]
    expect(modelCard(adapter, withCard)).toBe(card)
    expect(modelCard(adapter, without)).not.toBe(card)
    expect(() => modelCard(adapter, { medical: 1 as never })).toThrow('modelCard: medical must be true or false, got 1')
    const saved = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))) as Record<string, unknown>
    expect(saved['base_model_name_or_path']).toBe('tiiuae/falcon-rw-1b')
  })
})
