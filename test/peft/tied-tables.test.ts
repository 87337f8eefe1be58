import { afterAll, describe, expect, it } from 'vitest'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { AttachOptions } from '../../src/peft/attach.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { addWeightedAdapter } from '../../src/peft/several/combine/add-weighted-adapter.ts'
import { setAdapter } from '../../src/peft/several/several-adapters.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture, readFixture } from '../fixtures/open-fixture.ts'
import { adapterChecks } from '../golden/adapter-checks.ts'
import { tinyModel } from '../models/tiny-family.ts'
import { maxDifference, maxMagnitude } from './tiny-falcon.ts'
import { tinyLlama, tinyTokens } from './tiny-llama.ts'

const kinds = [
  'saved-head',
  'saved-embeddings',
  'adapted-head',
  'adapted-embeddings',
  'adapted-pattern',
  'tokens',
  'tokens-of-head',
]
const prefix = 'base_model.model.'

describe.each(await testEngines())('tied tables, on $description', (device) => {
  afterAll(() => device.dispose())

  const attach = (model: PretrainedLm, config: object, options: AttachOptions = {}) =>
    attachAdapter(model, { peftType: 'LORA', r: 2, targetModules: ['q_proj'], ...config }, options)

  it.each(kinds)("%s: logits, loss, gradients, files and merged logits are PEFT's", async (kind) => {
    const { model } = await tinyModel(device, 'llama-tied')
    const golden = {
      config: new TextDecoder().decode(await readFixture(`tied-tables/${kind}/adapter_config.json`)),
      weights: await readFixture(`tied-tables/${kind}/adapter_model.safetensors`),
      reference: await openFixture(`tied-tables/${kind}/reference.safetensors`),
    }
    let count = 0
    for await (const check of adapterChecks(model, golden, golden.reference)) {
      expect(check, check.name).toMatchObject({ ok: true })
      count++
    }
    expect(count).toBeGreaterThanOrEqual(6)
    const isOne = model.getOutputEmbeddings().table === model.getInputEmbeddings().table
    expect(isOne).toBe(kind !== 'tokens-of-head')
    model.dispose()
  })

  it.each<[object, object]>([
    [{ modulesToSave: ['lm_head'] }, { modulesToSave: ['model.embed_tokens'] }],
    [{ modulesToSave: ['embed_tokens', 'lm_head'] }, { modulesToSave: ['embed_tokens', 'model.embed_tokens'] }],
    [{ targetModules: ['q_proj', 'lm_head'] }, { targetModules: ['q_proj', 'model.embed_tokens'] }],
    [{ targetModules: '.*q_proj|lm_head' }, { targetModules: '(?:.*q_proj|lm_head|^model\\.embed_tokens$)' }],
  ])('%j is saved as PEFT saves it, %j, starts as the model, and stays one table', async (config, saved) => {
    const model = await tinyLlama(device, { isTied: true })
    const before = await model.forward(tinyTokens.batch).read()
    const told: string[] = []
    const onWarning = (message: string) => told.push(message)
    const adapter = attach(model, { ...config, ensureWeightTying: true }, { onWarning })
    expect(adapter.config).toMatchObject(saved)
    expect(maxDifference(await model.forward(tinyTokens.batch).read(), before)).toBeLessThan(1e-5)
    const tables = [...adapter.namedTrainableParameters()].filter(([key]) => !key.includes('q_proj'))
    expect(tables.map(([key]) => key.includes('embed_tokens'))).not.toContain(false)
    for (const [, tensor] of tables) tensor.write((await tensor.read()).map((value, i) => value + 0.2 * Math.sin(i)))
    const after = await model.forward(tinyTokens.batch).read()
    expect(maxDifference(after, before)).toBeGreaterThan(0.01)
    adapter.merge()
    expect(maxDifference(await model.forward(tinyTokens.batch).read(), after)).toBeLessThan(1e-4)
    expect(model.getOutputEmbeddings().table).toBe(model.getInputEmbeddings().table)
    expect(told).toEqual([])
    model.dispose()
  })

  it('starts B of a tied table within ±1/√c, as a head starts its A', async () => {
    const model = await tinyLlama(device, { isTied: true })
    const adapter = attach(model, { targetModules: ['lm_head'], ensureWeightTying: true })
    const b = await adapter.namedTrainableParameters().get(`${prefix}model.embed_tokens.lora_embedding_B`)?.read()
    expect(maxMagnitude(b ?? [])).toBeLessThanOrEqual(1 / 4)
    expect(maxMagnitude(b ?? [])).toBeGreaterThan(1 / 8)
    model.dispose()
  })

  it.each<[string, object, boolean, string[]]>([
    ['a head that is trained whole', { modulesToSave: ['lm_head'] }, true, ['"lm_head" is trained whole']],
    ['adapted embeddings', { targetModules: ['embed_tokens'] }, true, ['"model.embed_tokens" is adapted']],
    [
      'both',
      { targetModules: ['embed_tokens', 'lm_head'] },
      true,
      ['"model.embed_tokens" and "lm_head" are adapted, though "lm_head" and "model.embed_tokens" are one table'],
    ],
    ['neither', {}, true, []],
    ['tables that are two', { targetModules: ['embed_tokens'] }, false, []],
    ['a wish for nothing', { ensureWeightTying: true }, true, ['ensureWeightTying has no effect: neither']],
    [
      'a wish for tables that are two',
      { modulesToSave: ['lm_head'], ensureWeightTying: true },
      false,
      ['ensureWeightTying has no effect: no tables of this model are tied'],
    ],
    [
      'another method',
      { peftType: 'LN_TUNING', targetModules: ['embed_tokens'], r: undefined },
      true,
      ['to keep them one, train neither'],
    ],
    [
      'trained tokens, which a tied head shares',
      { peftType: 'TRAINABLE_TOKENS', tokenIndices: [3], targetModules: ['embed_tokens'], r: undefined },
      true,
      [],
    ],
  ])('tells of what drifts apart, once: %s', async (_, { r = 2, ...config }: { r?: number }, isTied, words) => {
    const model = await tinyLlama(device, { isTied })
    const told: string[] = []
    const isLora = !('peftType' in config)
    const whole = { peftType: 'LORA', targetModules: ['q_proj'], ...(isLora && { r }), ...config }
    attachAdapter(model, whole, { onWarning: (message) => told.push(message) })
    expect(told).toEqual(words.map((word) => expect.stringContaining(word) as string))
    if (isLora && words.some((word) => word.startsWith('"'))) expect(told[0]).toContain('set ensureWeightTying')
    model.dispose()
  })

  it.each<[object, string, string]>([
    [
      { modulesToSave: ['embed_tokens'], targetModules: ['lm_head'] },
      'config',
      'modulesToSave trains "model.embed_tokens" and "lm_head" as one',
    ],
    [{ targetModules: ['lm_head'], excludeModules: ['embed_tokens'] }, 'not-found', 'no module matches'],
    [
      { targetModules: ['q_proj', 'lm_head'], excludeModules: ['embed_tokens'] },
      'not-found',
      'no module matches targetModules "model.embed_tokens"',
    ],
    [{ targetModules: '.*q_proj|lm_head', excludeModules: ['embed_tokens'] }, 'config', 'and the config excludes it'],
    [{ targetModules: '.*q_proj|lm_head', rankPattern: { lm_head: 3 } }, 'config', 'rankPattern or alphaPattern'],
    [{ targetModules: ['lm_head'], initLoraWeights: 'orthogonal' }, 'unsupported', 'does not start a table'],
  ])('refuses %j with ensureWeightTying', async (config, code, message) => {
    const model = await tinyLlama(device, { isTied: true })
    expect(() => attach(model, { ...config, ensureWeightTying: true })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error,
    )
    model.dispose()
  })

  it('are combined with weights as one, and only with such', async () => {
    const model = await tinyLlama(device, { isTied: true })
    const shaken = async (name: string, config: object) => {
      const adapter = attach(model, config, { name })
      for (const tensor of adapter.namedTrainableParameters().values()) {
        tensor.write((await tensor.read()).map((value, i) => value + 0.1 * Math.sin(3 * i + name.length)))
      }
    }
    await shaken('a', { targetModules: ['q_proj'] })
    await shaken('other', { targetModules: ['lm_head'], ensureWeightTying: true })
    await shaken('loose', { targetModules: ['embed_tokens'] })
    setAdapter(model, ['a', 'other'])
    const both = await model.forward(tinyTokens.batch).read()
    await addWeightedAdapter(model, ['a', 'other'], [1, 1], { adapterName: 'sum', combinationType: 'cat' })
    setAdapter(model, 'sum')
    expect(maxDifference(await model.forward(tinyTokens.batch).read(), both)).toBeLessThan(1e-4)
    const adding = addWeightedAdapter(model, ['other', 'loose'], [1, 1], { adapterName: 'mix', combinationType: 'cat' })
    await expect(adding).rejects.toThrow(/the head follows the embeddings of "other" and not those of "loose"/)
    model.dispose()
  })

  it("a file's own tables are compared with the base's, and its head's with the embeddings'", async () => {
    const model = await tinyLlama(device, { isTied: true })
    const adapter = attach(model, { targetModules: ['embed_tokens'], ensureWeightTying: true })
    const files = await adapterFiles(adapter)
    adapter.detach()
    const config = new TextDecoder().decode(files.get('adapter_config.json'))
    const reader = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array(0)))
    const open = async (changed: string | null) => {
      const told: string[] = []
      const tensors = await Promise.all(
        reader.names.map(async (name) => {
          const data = await reader.readF32(name)
          const { shape } = reader.info(name)
          return { name, dtype: 'F32', shape, data: name === changed ? data.map((x) => x + 0.01) : data } as const
        }),
      )
      const file = await openSafetensors(bytesSource(writeSafetensors(tensors, { format: 'pt' })))
      const loaded = await loadAdapter(model, config, file, { onWarning: (message) => told.push(message) })
      loaded.detach()
      return told
    }
    expect(await open(null)).toEqual([])
    for (const name of ['model.embed_tokens.base_layer.weight', 'lm_head.base_layer.weight', 'lm_head.lora_A.weight']) {
      expect(await open(prefix + name)).toEqual([expect.stringContaining(prefix + name)])
    }
    model.dispose()
  })
})
