import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { planMemory } from '../../../src/io/plan/memory-plan.ts'
import { inspectModel } from '../../../src/io/plan/inspect-model.ts'
import { saveModel } from '../../../src/io/save/save-model.ts'
import { dequantize } from '../../../src/ops/dequantize.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import type { LoraConfig } from '../../../src/peft/lora/lora-config.ts'
import { mergeAndUnload } from '../../../src/peft/merge/merge-adapter.ts'
import { StoredMatrix } from '../../../src/tensor/stored-matrix.ts'
import { logitsOf } from '../../golden/model-checks.ts'
import { maxDifference } from '../../peft/tiny-falcon.ts'
import { temporaryFolder } from '../tiny-files.ts'

const device = await openCpuDevice({ threads: 2 })
afterAll(() => device.dispose())
const at = (name: string) => join(import.meta.dirname, '../../fixtures/gguf-exports', `${name}-q8_0.gguf`)
const batch = { inputIds: Int32Array.from({ length: 12 }, (_, i) => 5 + 11 * i), shape: [2, 6] as const }

const all = { r: 2, targetModules: 'all-linear' }

/** By what each has to do with a table: its own head, or one that is tied. */
const adapters: readonly (readonly [title: string, model: string, config: Partial<LoraConfig>])[] = [
  ['LoRA on the embeddings and the head', 'llama', { r: 2, targetModules: ['embed_tokens', 'lm_head'] }],
  ['LoRA on embeddings that are tied', 'smollm3', { r: 2, targetModules: ['embed_tokens'], ensureWeightTying: true }],
  ['DoRA on the embeddings', 'smollm3', { r: 2, targetModules: ['embed_tokens'], useDora: true }],
  ['tokens beside LoRA', 'smollm3', { ...all, trainableTokenIndices: [16, 27] }],
  ['tokens of the head', 'llama', { ...all, trainableTokenIndices: { lm_head: [16, 27] } }],
  ['tables trained whole', 'llama', { ...all, modulesToSave: ['embed_tokens', 'lm_head'] }],
]

/** The kernels on every device are in test/formats. */
describe('tables in blocks of a GGUF file', () => {
  const load = async (name: string, quantize?: false) => {
    return (await loadModel(at(name), { device, ...(quantize === false && { quantize }) })).model
  }

  it('stay as they are, and give the logits of their numbers', async () => {
    for (const name of ['llama', 'smollm3']) {
      const [kept, numbers] = [await load(name), await load(name, false)]
      const { table } = kept.getInputEmbeddings()
      expect(table).toBeInstanceOf(StoredMatrix)
      expect(kept.getOutputEmbeddings().table === table).toBe(name === 'smollm3')
      expect(maxDifference(await logitsOf(kept, batch), await logitsOf(numbers, batch))).toBeLessThan(1e-5)
      kept.dispose()
      numbers.dispose()
    }
  })

  it.each(adapters)('%s: loss, gradients, a file and a merge as over their numbers', async (_, name, config) => {
    const trained = async (quantize?: false) => {
      const model = await load(name, quantize)
      const scope = device.memory.open()
      const adapter = attachLora(model, config, { seed: 3 })
      for (const [key, tensor] of adapter.namedTrainableParameters()) {
        if (/lora_B|lora_embedding_A/.test(key)) tensor.write((await tensor.read()).map((_, i) => Math.sin(i) / 4))
      }
      const { loss, grads } = valueAndGrad(model, () => model.loss(batch, batch.inputIds))(null)
      const gradients = await Promise.all([...grads.values()].map((grad) => grad.read()))
      const saved = await Promise.all([...adapter.namedSavedTensors().values()].map((tensor) => tensor.read()))
      const value = await loss.read()
      scope.close()
      await mergeAndUnload(model)
      const merged = await logitsOf(model, batch)
      model.dispose()
      return [value, ...gradients, ...saved, merged]
    }
    const before = device.memory.liveBytes
    const kept = await trained()
    expect(device.memory.liveBytes).toBe(before)
    const numbers = await trained(false)
    expect(kept.length).toBe(numbers.length)
    kept.forEach((values, i) => expect(maxDifference(values, numbers[i] ?? [])).toBeLessThan(2e-5))
  })

  it('are written as their numbers alone', async () => {
    const [model, folder] = [await load('smollm3'), await temporaryFolder()]
    await expect(saveModel(model, folder)).rejects.toThrow(/weights are in GGUF's blocks.*dequantize: true/)
    await saveModel(model, folder, { dequantize: true })
    const back = (await loadModel(folder, { device })).model
    const scope = device.memory.open()
    const [its, own] = [back, model].map((each) => dequantize(each.getInputEmbeddings().table))
    expect(await its?.read()).toEqual(await own?.read())
    scope.close()
    back.dispose()
    model.dispose()
  })

  it('are planned for with the bytes that they take', async () => {
    const report = await inspectModel(at('smollm3'), { adapter: all })
    if (report.kind !== 'model') throw new Error('no model')
    const { config, memory, quantization } = report
    const { model, storage } = await loadModel(at('smollm3'), { device })
    const { weights, loading } = memory.load
    expect([weights['gguf'], weights.f32 + (weights['gguf'] ?? 0), loading]).toEqual([
      ...[storage.bytes - weights.f32, storage.bytes, storage.bytes],
    ])
    expect(quantization).toMatchObject({ type: 'q8_0', layers: 7 * config.numHiddenLayers })
    expect(weights.f32).toBeLessThan(planMemory(config, { quantize: 'q8_0' }).weights.f32 / 4)
    model.dispose()
  })
})
