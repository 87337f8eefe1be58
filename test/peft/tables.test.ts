import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { attachAdapter, attachLora } from '../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../src/peft/files/adapter-files.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { disableAdapter, withAdapterNames } from '../../src/peft/several/several-adapters.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, maxMagnitude } from './tiny-falcon.ts'
import { tinyLlama, tinyTokens } from './tiny-llama.ts'

const { batch, labels } = tinyTokens
const prefix = 'base_model.model.'

describe.each(await testEngines())('adapters of tables, on $description', (device) => {
  afterAll(() => device.dispose())

  const logits = (model: PretrainedLm) => model.forward(batch).read()
  const loss = (model: PretrainedLm) => model.loss(batch, labels).item()
  const shake = async (adapter: Adapter) => {
    for (const tensor of adapter.namedTrainableParameters().values()) {
      tensor.write((await tensor.read()).map((value, i) => value + 0.3 * Math.sin(7 * i + 1)))
    }
  }
  /** Gradients of some elements against central differences. */
  const checkGradients = async (adapter: Adapter, model: PretrainedLm) => {
    const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    const isDora = adapter.method.describe(adapter.config).includes('DoRA')
    for (const [key, tensor] of adapter.namedTrainableParameters()) {
      // DoRA's norm has no gradient by its definition, so that of A and B is not the slope.
      if (isDora && !key.endsWith('magnitude_vector')) continue
      const [values, given] = [await tensor.read(), await grads.get(tensor)?.read()]
      const at = given?.reduce((best, value, i) => (Math.abs(value) > Math.abs(given[best] ?? 0) ? i : best), 0) ?? 0
      const lossAt = async (change: number) => {
        tensor.write(values.map((value, i) => (i === at ? value + change : value)))
        return loss(model)
      }
      const numeric = ((await lossAt(0.01)) - (await lossAt(-0.01))) / 0.02
      tensor.write(values)
      expect(Math.abs((given?.[at] ?? NaN) - numeric), key).toBeLessThan(2e-3 + 0.02 * Math.abs(numeric))
    }
  }

  it.each<[string, Partial<LoraConfig>, readonly string[]]>([
    ['a head of its own', { targetModules: ['lm_head'] }, ['lm_head.lora_A.weight', 'lm_head.lora_B.weight']],
    [
      'embeddings, with rsLoRA',
      { targetModules: ['embed_tokens'], useRslora: true },
      ['model.embed_tokens.lora_embedding_A', 'model.embed_tokens.lora_embedding_B'],
    ],
    [
      'embeddings, with DoRA',
      { targetModules: ['embed_tokens'], useDora: true },
      [
        'model.embed_tokens.lora_embedding_A',
        'model.embed_tokens.lora_embedding_B',
        'model.embed_tokens.lora_magnitude_vector',
      ],
    ],
    [
      'a head, with DoRA',
      { targetModules: ['lm_head'], useDora: true },
      ['lm_head.lora_A.weight', 'lm_head.lora_B.weight', 'lm_head.lora_magnitude_vector'],
    ],
    [
      'single tokens of the embeddings',
      { targetModules: ['q_proj'], r: 1, trainableTokenIndices: [5, 9] },
      ['model.embed_tokens.token_adapter.trainable_tokens_delta'],
    ],
    [
      'single tokens of both tables',
      { targetModules: ['q_proj'], r: 1, trainableTokenIndices: { embed_tokens: [9], lm_head: [3, 20, 5] } },
      ['model.embed_tokens.token_adapter.trainable_tokens_delta', 'lm_head.token_adapter.trainable_tokens_delta'],
    ],
  ])('%s: starts as the model; gradients, files, disabling and merging agree', async (_, config, keys) => {
    const model = await tinyLlama(device, { tables: 'bf16' })
    const before = await logits(model)
    const adapter = attachLora(model, { r: 2, ...config })
    expect([...adapter.namedTrainableParameters().keys()].filter((key) => !key.includes('q_proj'))).toEqual(
      keys.map((key) => prefix + key),
    )
    expect(maxDifference(await logits(model), before)).toBeLessThan(1e-5)
    await shake(adapter)
    const after = await logits(model)
    expect(maxDifference(after, before)).toBeGreaterThan(0.01)
    await checkGradients(adapter, model)
    expect(await disableAdapter(model, () => logits(model))).toEqual(before)
    const files = await adapterFiles(adapter)
    adapter.detach()
    const bytes = files.get('adapter_model.safetensors') ?? new Uint8Array(0)
    const reader = await openSafetensors(bytesSource(bytes))
    const again = await loadAdapter(model, new TextDecoder().decode(files.get('adapter_config.json')), reader)
    expect(await logits(model)).toEqual(after)
    again.merge()
    expect(maxDifference(await logits(model), after)).toBeLessThan(1e-4)
    model.dispose()
  })

  it('single tokens: a tied head shares their rows, and is one table still when they are merged', async () => {
    const model = await tinyLlama(device, { isTied: true })
    const before = await logits(model)
    const adapter = attachLora(model, {
      r: 1,
      targetModules: ['q_proj'],
      trainableTokenIndices: { embed_tokens: [20] },
    })
    expect(await logits(model)).toEqual(before)
    await shake(adapter)
    const after = await logits(model)
    const columns = after.map((value, i) => value - (before[i] ?? NaN)).filter((_, i) => i % 24 === 20)
    expect(maxMagnitude(columns)).toBeGreaterThan(0.01)
    await checkGradients(adapter, model)
    adapter.merge()
    expect(maxDifference(await logits(model), after)).toBeLessThan(1e-5)
    expect(model.getOutputEmbeddings().table).toBe(model.getInputEmbeddings().table)
    model.dispose()
  })

  it('another adapter for each row of a batch', async () => {
    const model = await tinyLlama(device, { isTied: true })
    const base = await logits(model)
    const one = attachLora(model, { r: 1, targetModules: ['embed_tokens'] }, { name: 'one' })
    const two = attachLora(model, { r: 1, targetModules: ['q_proj'], trainableTokenIndices: [5, 9] }, { name: 'two' })
    for (const adapter of [one, two]) await shake(adapter)
    two.setEnabled(false)
    const first = await logits(model)
    one.setEnabled(false)
    two.setEnabled(true)
    const second = await logits(model)
    const half = base.length / 2
    const both = await withAdapterNames(model, ['__base__', 'two'], () => logits(model))
    expect(maxDifference(both.slice(0, half), base.slice(0, half))).toBeLessThan(1e-5)
    expect(maxDifference(both.slice(half), second.slice(half))).toBeLessThan(1e-5)
    const mixed = await withAdapterNames(model, ['two', 'one'], () => logits(model))
    expect(maxDifference(mixed.slice(0, half), second.slice(0, half))).toBeLessThan(1e-5)
    expect(maxDifference(mixed.slice(half), first.slice(half))).toBeLessThan(1e-5)
    model.dispose()
  })

  it.each<[object, string, string]>([
    [
      { targetModules: ['embed_tokens'], loraBias: true },
      'config',
      '"model.embed_tokens" is an embedding, whose B has no bias',
    ],
    [{ trainableTokenIndices: [24] }, 'config', 'trainableTokenIndices has 24, and "model.embed_tokens" has 24 tokens'],
    [{ trainableTokenIndices: [2, 2] }, 'config', 'trainableTokenIndices must be some tokens, each once, got [2, 2]'],
    [{ trainableTokenIndices: { wte: [2] } }, 'not-found', 'no module matches trainableTokenIndices "wte"'],
    [{ trainableTokenIndices: { k_proj: [2] } }, 'unsupported', '"model.layers.0.self_attn.k_proj", which is no table'],
    [
      { targetModules: ['embed_tokens'], trainableTokenIndices: [2] },
      'config',
      'trainableTokenIndices names "model.embed_tokens", which the adapter is on otherwise',
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
