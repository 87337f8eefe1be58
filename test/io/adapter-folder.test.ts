import { readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openAdapter, type OpenAdapterOptions, saveAdapter, saveAsLora } from '../../src/io/adapter-folder.ts'
import { writeFolder } from '../../src/io/sources/folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { Source } from '../../src/io/sources/open-folder.ts'
import { attachAdapter, attachLora } from '../../src/peft/attach.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'
import { fakeHub } from './huggingface/temporary-hub.ts'
import { filesOf, temporaryFolder, tinyBytes, tinyFolder } from './tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

/** What a folder's adapter says of its base. */
async function baseIn(folder: string): Promise<readonly unknown[]> {
  const text = await readFile(join(folder, 'adapter_config.json'), 'utf8')
  const { base_model_name_or_path, revision } = JSON.parse(text) as Record<string, unknown>
  return [base_model_name_or_path, revision]
}

/** Loads a model, attaches an adapter, saves it, and reads what it says of its base. */
async function savedBase(source: Source, hub?: OpenAdapterOptions['hub']): Promise<readonly unknown[]> {
  const { model } = await loadModel(source, { device, ...(hub && { hub }) })
  const folder = await temporaryFolder()
  await saveAdapter(attachLora(model, {}, { device }), folder)
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain((await baseIn(folder))[0] ?? 'the base model')
  model.dispose()
  return baseIn(folder)
}

describe('an adapter names its base', () => {
  it('by the path it was loaded from', async () => {
    expect(await savedBase(tinyFolder)).toEqual([tinyFolder, null])
  })

  it('by its name and revision on the Hub, of which main is not said', async () => {
    const tiny = {
      'config.json': await tinyBytes('config.json'),
      'model.safetensors': await tinyBytes('model.safetensors'),
    }
    const { endpoint } = await fakeHub(tiny)
    const hub = { endpoint, token: null, cacheFolder: await temporaryFolder(), offline: false }
    expect(await savedBase('lab/tiny', hub)).toEqual(['lab/tiny', null])
    expect(await savedBase('lab/tiny@v1', hub)).toEqual(['lab/tiny', 'v1'])
  })

  it('not where a page was given files, which have no name', async () => {
    const files = filesOf({
      'config.json': await tinyBytes('config.json'),
      'model.safetensors': await tinyBytes('model.safetensors'),
    })
    expect(await savedBase(files)).toEqual([null, null])
  })
})

describe('saveAsLora', () => {
  it('writes a LoRA adapter of one of another method, and says what survives', async () => {
    const folder = await temporaryFolder()
    const model = await tinyFalcon(device)
    const adapter = attachAdapter(model, { peftType: 'IA3' })
    expect((await saveAsLora(adapter, folder, { rank: 2 })).layers.map(({ path }) => path)).toEqual([
      ...adapter.layers.keys(),
    ])
    adapter.detach()
    expect((await openAdapter(model, folder)).config).toMatchObject({ peftType: 'LORA', r: 2, loraAlpha: 2 })
    model.dispose()
  })
})

describe('saveAdapter', () => {
  it('replaces the adapter that is there', async () => {
    const folder = await temporaryFolder()
    const model = await tinyFalcon(device)
    for (const r of [2, 3]) {
      const adapter = attachLora(model, { r }, { device })
      await saveAdapter(adapter, folder)
      adapter.detach()
    }
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors'])
    expect((await openAdapter(model, folder)).config).toMatchObject({ peftType: 'LORA', r: 3 })
    model.dispose()
  })

  it('refuses what is no adapter, no path and no option', async () => {
    const model = await tinyFalcon(device)
    const adapter = attachLora(model, {}, { device })
    const folder = await temporaryFolder()
    await expect(saveAdapter(model as never, folder)).rejects.toThrow('adapterFiles: adapter must be an adapter')
    await expect(saveAdapter(adapter, 3 as never)).rejects.toThrow(
      "saveAdapter: path must be a directory's path, a directory's handle, or a store, got 3",
    )
    await expect(saveAdapter(adapter, folder, { base_model: 'x' } as object)).rejects.toThrow(
      'saveAdapter: there is no option "base_model"; did you mean baseModel?',
    )
    expect(await readdir(folder)).toEqual([])
    model.dispose()
  })
})

describe('openAdapter', () => {
  it('says of a pickle how to convert it, and does not read it', async () => {
    const folder = await temporaryFolder()
    const model = await tinyFalcon(device)
    await saveAdapter(attachLora(model, {}, { device }), folder)
    await rename(join(folder, 'adapter_model.safetensors'), join(folder, 'adapter_model.bin'))
    const base = await tinyFalcon(device)
    const { liveBytes } = device.memory
    await expect(openAdapter(base, folder, { device })).rejects.toThrow(
      expect.objectContaining({
        code: 'not-found',
        message: `${folder}: no adapter_model.safetensors; it has adapter_model.bin, a pickle, which can run code when it is read: load it in PEFT and save it with model.save_pretrained(folder, safe_serialization=True)`,
      }) as Error,
    )
    expect(device.memory.liveBytes).toBe(liveBytes)
    for (const each of [model, base]) each.dispose()
  })

  it('refuses a file that is cut, and leaves the model as it was', async () => {
    const folder = await temporaryFolder()
    const model = await tinyFalcon(device)
    const bytes = await tinyBytes('adapters/lora/adapter_model.safetensors')
    await writeFolder(
      folder,
      new Map([
        ['adapter_config.json', await tinyBytes('adapters/lora/adapter_config.json')],
        ['adapter_model.safetensors', bytes.slice(0, -4)],
      ]),
    )
    const { liveBytes } = device.memory
    await expect(openAdapter(model, folder, { device })).rejects.toThrow(
      expect.objectContaining({ code: 'format' }) as Error,
    )
    expect(device.memory.liveBytes).toBe(liveBytes)
    attachLora(model, {}, { device }).detach()
    model.dispose()
  })

  it('refuses unknown options', async () => {
    const model = await tinyFalcon(device)
    await expect(openAdapter(model, tinyFolder, { device, is_trainable: true } as OpenAdapterOptions)).rejects.toThrow(
      'openAdapter: there is no option "is_trainable"; did you mean trainable?',
    )
    model.dispose()
  })
})
