import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { modelFiles } from '../../src/io/save/save-model.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { quantize } from '../../src/nn/quantize.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { attachAdapter, attachLora } from '../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { countParameters } from '../../src/peft/parameter-counts.ts'
import { disableAdapter, setAdapter } from '../../src/peft/several/several-adapters.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference } from './tiny-falcon.ts'
import { tinyLlama, tinyTokens } from './tiny-llama.ts'

const { batch, labels } = tinyTokens

describe.each(await testEngines())('layers that are trained whole, on $description', (device) => {
  afterAll(() => device.dispose())

  const logits = (model: PretrainedLm) => model.forward(batch).read()
  /** A step up the loss, by which every trained tensor becomes another. */
  const changeBy = async (adapter: Adapter, model: PretrainedLm) => {
    const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    for (const tensor of adapter.namedTrainableParameters().values()) {
      const [values, change] = [await tensor.read(), await grads.get(tensor)?.read()]
      tensor.write(values.map((value, i) => value + 0.5 * (change?.[i] ?? NaN)))
    }
  }

  const everyKind = ['embed_tokens', 'down_proj', 'input_layernorm', 'lm_head']

  it('LN tuning starts as the model, and is trained and merged on any kind of layer', async () => {
    const model = await tinyLlama(device)
    const before = await logits(model)
    const adapter = attachAdapter(model, { peftType: 'LN_TUNING', targetModules: everyKind })
    expect([...adapter.namedTrainableParameters().keys()]).toEqual([
      'base_model.model.model.embed_tokens.ln_tuning_layers.weight',
      'base_model.model.model.layers.0.input_layernorm.ln_tuning_layers.weight',
      'base_model.model.model.layers.0.mlp.down_proj.ln_tuning_layers.weight',
      'base_model.model.lm_head.ln_tuning_layers.weight',
    ])
    expect(await logits(model)).toEqual(before)
    await changeBy(adapter, model)
    const after = await logits(model)
    expect(maxDifference(after, before)).toBeGreaterThan(0.01)
    expect(await disableAdapter(model, () => logits(model))).toEqual(before)
    adapter.merge()
    expect(maxDifference(await logits(model), after)).toBeLessThan(1e-5)
    expect([...model.namedModules()].some(([path]) => path.includes('base_layer'))).toBe(false)
    model.dispose()
  })

  it('the gradients are those of the layers themselves', async () => {
    const model = await tinyLlama(device)
    const adapter = attachAdapter(model, { peftType: 'LN_TUNING', targetModules: everyKind })
    const lossOf = valueAndGrad(model, () => model.loss(batch, labels))
    const { grads } = lossOf(null)
    const plain = await tinyLlama(device)
    plain.setRequiresGrad(true)
    const wanted = valueAndGrad(plain, () => plain.loss(batch, labels))(null).grads
    const own = new Map(plain.namedWeights())
    for (const [key, tensor] of adapter.namedTrainableParameters()) {
      const weight = own.get(key.replace('base_model.model.', '').replace('.ln_tuning_layers', ''))
      const there = [...wanted].find(([each]) => each === weight)?.[1]
      expect(await grads.get(tensor)?.read(), key).toEqual(await there?.read())
    }
    model.dispose()
    plain.dispose()
  })

  it("PEFT's own choice of norms is the default", async () => {
    const model = await tinyLlama(device)
    const adapter = attachAdapter(model, { peftType: 'LN_TUNING' })
    expect(adapter.config).toMatchObject({ targetModules: ['input_layernorm', 'post_attention_layernorm', 'norm'] })
    expect([...adapter.layers.keys()]).toEqual([
      'model.layers.0.input_layernorm',
      'model.layers.0.post_attention_layernorm',
      'model.norm',
    ])
    model.dispose()
  })

  it('modulesToSave are found by the letters they end with, and are plain in a file', async () => {
    const model = await tinyLlama(device)
    const all = countParameters(model).all
    const adapter = attachLora(model, { r: 2, targetModules: ['q_proj'], modulesToSave: ['norm', 'mlp'] })
    const files = await adapterFiles(adapter)
    const reader = await openSafetensors(bytesSource(files.get('adapter_model.safetensors') ?? new Uint8Array(0)))
    expect(reader.names.filter((name) => !name.includes('lora')).sort()).toEqual([
      'base_model.model.model.layers.0.input_layernorm.weight',
      'base_model.model.model.layers.0.mlp.down_proj.weight',
      'base_model.model.model.layers.0.mlp.gate_proj.weight',
      'base_model.model.model.layers.0.mlp.up_proj.weight',
      'base_model.model.model.layers.0.post_attention_layernorm.weight',
      'base_model.model.model.norm.weight',
    ])
    // PEFT counts the copies beside the modules that they are of.
    const own = 3 * 16 + 3 * 16 * 24 + 2 * 2 * 16
    expect(countParameters(model)).toMatchObject({ trainable: own, all: all + own })
    model.dispose()
  })

  it('a linear layer in 4 bits gets a copy in f32, and the file loads again', async () => {
    const model = await tinyLlama(device)
    quantize(model, { type: 'nf4', blockSize: 32, doubleQuant: false })
    const before = await logits(model)
    const adapter = attachLora(model, { r: 2, targetModules: ['q_proj'], modulesToSave: ['down_proj'] })
    expect(await logits(model)).toEqual(before)
    await changeBy(adapter, model)
    const after = await logits(model)
    const files = await adapterFiles(adapter)
    adapter.detach()
    expect(await logits(model)).toEqual(before)
    const text = new TextDecoder().decode(files.get('adapter_config.json'))
    const bytes = files.get('adapter_model.safetensors') ?? new Uint8Array(0)
    await loadAdapter(model, text, await openSafetensors(bytesSource(bytes)), {})
    expect(await logits(model)).toEqual(after)
    model.dispose()
  })

  it('two adapters have a copy each, or none', async () => {
    const model = await tinyLlama(device)
    const before = await logits(model)
    const one = attachLora(model, { r: 2, targetModules: ['q_proj'], modulesToSave: ['lm_head'] }, { name: 'one' })
    await changeBy(one, model)
    const first = await logits(model)
    const two = attachAdapter(model, { peftType: 'LN_TUNING', targetModules: ['lm_head'] }, { name: 'two' })
    setAdapter(model, 'two')
    expect(await logits(model)).toEqual(before)
    await changeBy(two, model)
    expect(maxDifference(await logits(model), before)).toBeGreaterThan(0.01)
    setAdapter(model, 'one')
    expect(await logits(model)).toEqual(first)
    two.detach()
    one.merge()
    expect(maxDifference(await logits(model), first)).toBeLessThan(1e-5)
    model.dispose()
  })

  it.each([['embed_tokens'], ['lm_head'], ['embed_tokens', 'lm_head']])(
    'tied tables drift apart, and that is told: %s %s',
    async (...modulesToSave) => {
      const model = await tinyLlama(device, { isTied: true, tables: 'bf16' })
      const before = await logits(model)
      const told: string[] = []
      const options = { onWarning: (message: string) => void told.push(message) }
      const adapter = attachLora(model, { r: 2, targetModules: ['q_proj'], modulesToSave }, options)
      expect(told).toHaveLength(1)
      expect(told[0]).toContain('are one table in this model: from now on they drift apart')
      expect(await logits(model)).toEqual(before)
      await changeBy(adapter, model)
      const after = await logits(model)
      const saved = await modelFiles(model, { merge: true })
      adapter.merge()
      expect(maxDifference(await logits(model), after)).toBeLessThan(1e-5)
      // Two tables now, for transformers as well, merged or while it is saved.
      for (const files of [saved, await modelFiles(model)]) {
        expect(JSON.parse(new TextDecoder().decode(files.get('config.json')))).toMatchObject({
          tie_word_embeddings: false,
        })
        const reader = await openSafetensors(bytesSource(files.get('model.safetensors') ?? new Uint8Array(0)))
        expect([...reader.names].sort()).toEqual(
          [...modelWeights(model.config).map(({ name }) => name), 'lm_head.weight'].sort(),
        )
      }
      model.dispose()
    },
  )

  it.each<[object, string, string]>([
    [{ modulesToSave: ['x'] }, 'not-found', 'no module matches modulesToSave "x"'],
    [
      { targetModules: ['lm_head'], modulesToSave: ['layers'] },
      'config',
      'modulesToSave names "model.layers", a list of modules',
    ],
    [
      { modulesToSave: ['q_proj'] },
      'not-found',
      'no module matches targetModules ["q_proj"] under modulesToSave ["q_proj"]',
    ],
    [
      { peftType: 'LN_TUNING', targetModules: ['input_layernorm'], modulesToSave: ['norm'] },
      'config',
      'modulesToSave names "model.layers.0.input_layernorm", which the adapter is on; a layer is adapted or trained whole',
    ],
    [
      { peftType: 'LN_TUNING', targetModules: ['mlp'] },
      'unsupported',
      '"model.layers.0.mlp" is a module of others, but must be one of the norms, linear layers, embeddings and heads',
    ],
  ])('refuses %j', async (config, code, message) => {
    const model = await tinyLlama(device)
    const attaching = () => attachAdapter(model, { peftType: 'LORA', targetModules: ['q_proj'], ...config })
    expect(attaching).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error,
    )
    model.dispose()
  })
})
