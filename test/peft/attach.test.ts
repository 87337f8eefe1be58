import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { attachLora } from '../../src/peft/attach.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { countParameters } from '../../src/peft/parameter-counts.ts'
import { FourBitTensor } from '../../src/formats/four-bit/four-bit-tensor.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon } from './tiny-falcon.ts'

const { batch, labels } = await tinyBatch()
const qkv = (layer: number) => `transformer.h.${layer}.self_attention.query_key_value`

describe.each(await testEngines())('attachLora on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const logits = async (): Promise<Float32Array> => {
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }

  const fill = async (tensors: Iterable<Tensor>, step: number): Promise<void> => {
    for (const tensor of tensors) tensor.write((await tensor.read()).map((value, i) => value + step * Math.sin(i)))
  }

  it('changes nothing at first, and trains only the adapter', async () => {
    const before = await logits()
    const adapter = attachLora(model, { r: 4 }, { device })
    expect([...adapter.layers.keys()]).toEqual([qkv(0), qkv(1)])
    expect(await logits()).toEqual(before)
    expect(new Set(model.trainableParameters())).toEqual(new Set(adapter.namedTrainableParameters().values()))
    expect(countParameters(model)).toMatchObject({ trainable: 2 * 4 * (32 + 96), all: 19200 + 1024 })
  })

  it('draws A from ±1/√in by its seed, and leaves B 0', async () => {
    const draw = async (config: Partial<LoraConfig>, seed: number) => {
      const adapter = attachLora(model, { r: 16, ...config }, { device, seed })
      const weights = await Promise.all([...adapter.namedTrainableParameters().values()].map((tensor) => tensor.read()))
      adapter.detach()
      return weights
    }
    const [a0 = new Float32Array(), b0 = new Float32Array(), a1] = await draw({}, 1)
    expect(maxMagnitude(a0)).toBeLessThanOrEqual(1 / Math.sqrt(32))
    expect(maxMagnitude(a0)).toBeGreaterThan(0.98 / Math.sqrt(32))
    expect(a0.reduce((sum, x) => sum + x * x, 0) / a0.length).toBeCloseTo(1 / (3 * 32), 3)
    expect(maxMagnitude(b0)).toBe(0)
    expect(a1).not.toEqual(a0)
    expect((await draw({}, 1))[0]).toEqual(a0)
    expect((await draw({}, 2))[0]).not.toEqual(a0)
    const [gaussian = new Float32Array()] = await draw({ initLoraWeights: 'gaussian' }, 1)
    expect(Math.sqrt(gaussian.reduce((sum, x) => sum + x * x, 0) / gaussian.length)).toBeCloseTo(1 / 16, 2)
    const [, plainB = new Float32Array()] = await draw({ initLoraWeights: false }, 1)
    expect(maxMagnitude(plainB)).toBeGreaterThan(0.98 / Math.sqrt(16))
    expect(maxMagnitude(plainB)).toBeLessThanOrEqual(1 / Math.sqrt(16))
  })

  it('switched off, the model computes as its base, and switched on again, as before', async () => {
    const before = await logits()
    const adapter = attachLora(model, { targetModules: 'all-linear', loraDropout: 0.1 }, { device })
    await fill(adapter.namedTrainableParameters().values(), 0.1)
    const adapted = await logits()
    expect(maxDifference(adapted, before)).toBeGreaterThan(0.01)
    adapter.setEnabled(false)
    expect(await logits()).toEqual(before)
    adapter.setEnabled(true)
    expect(await logits()).toEqual(adapted)
  })

  it('detached, the model is as before and no byte is left', async () => {
    const before = await logits()
    const { liveBytes, liveBuffers } = device.memory
    const trainable = model.setRequiresGrad(true).trainableParameters()
    const adapter = attachLora(model, { targetModules: 'all-linear', bias: 'all', loraDropout: 0.1 }, { device })
    await fill(adapter.namedTrainableParameters().values(), 0.1)
    expect(maxDifference(await logits(), before)).toBeGreaterThan(0.1)
    adapter.detach()
    expect(await logits()).toEqual(before)
    expect(model.trainableParameters()).toEqual(trainable)
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(device.memory.liveBuffers).toBe(liveBuffers)
    expect(() => adapter.detach()).toThrow('detach: the adapter is no longer on its model, it was detached')
    expect(() => adapter.merge()).toThrow('merge: the adapter is no longer on its model, it was detached')
    expect(() => adapter.setEnabled(false)).toThrow('setEnabled: the adapter is no longer on its model')
    expect(() => adapter.setRequiresGrad(true)).toThrow('setRequiresGrad: the adapter is no longer on its model')
    expect(model.trainableParameters()).toEqual(trainable)
  })

  it('merged, it can neither be merged again nor detached', () => {
    const adapter = attachLora(model, {}, { device })
    adapter.merge()
    const gone = 'the adapter is no longer on its model, it was merged into it; the model itself can be saved'
    expect(() => adapter.merge()).toThrow(`merge: ${gone}`)
    expect(() => adapter.detach()).toThrow(`detach: ${gone}`)
    attachLora(model, {}, { device }).detach()
  })

  it('switched off, it is not merged, for the model would compute otherwise', async () => {
    const adapter = attachLora(model, { initLoraWeights: false }, { device })
    const adapted = await logits()
    adapter.setEnabled(false)
    expect(() => adapter.merge()).toThrow(
      'merge: the adapter is switched off, so the model would compute otherwise; call setEnabled(true), or detach it',
    )
    adapter.setEnabled(true)
    adapter.merge()
    expect(maxDifference(await logits(), adapted)).toBeLessThan(1e-4)
  })

  it('that does not fit in memory leaves the model and its memory as they were', async () => {
    const before = await logits()
    const trainable = model.setRequiresGrad(true).trainableParameters()
    const { liveBytes, liveBuffers } = device.memory
    expect(() => attachLora(model, { r: 2 ** 26, bias: 'all' }, { device })).toThrow(
      expect.objectContaining({ code: 'memory' }) as Error,
    )
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(device.memory.liveBuffers).toBe(liveBuffers)
    expect(model.trainableParameters()).toEqual(trainable)
    expect(await logits()).toEqual(before)
  })

  it.each<[Partial<LoraConfig>, string]>([
    [
      { targetModules: ['ln_f'] },
      'attachLora: "transformer.ln_f" is a norm, but must be one of the linear layers and embeddings; this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
    [
      { targetModules: ['mlp'] },
      'attachLora: "transformer.h.0.mlp" is a module of others, but must be one of the linear layers and embeddings; this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
  ])('says what a target is that LoRA does not take: %j', (config, message) => {
    expect(() => attachLora(model, config, { device })).toThrow(
      expect.objectContaining({ code: 'unsupported', message }) as Error,
    )
  })

  it.each<[unknown, unknown, unknown, string]>([
    ['falcon', {}, { device }, 'attachLora: model must be a model, such as loadModel\'s, got "falcon"'],
    [undefined, { r: '8' }, { device }, 'attachLora: r must be a whole number from 1, got "8"'],
    [undefined, { lora_alpha: 8 }, { device }, 'attachLora: there is no option "lora_alpha"; did you mean loraAlpha?'],
    [undefined, {}, { device: 5 }, 'attachLora: device must be a device, such as openDevice gives, got 5'],
    [undefined, {}, device, 'attachLora: options must be an object such as { device: … }, got a'],
    [undefined, {}, { device, seed: 1.5 }, 'attachLora: seed must be a whole number, got 1.5'],
    [undefined, {}, { device, partial: true }, 'attachLora: there is no option "partial"'],
  ])('refuses %j, %j', (given, config, options, message) => {
    const attaching = () =>
      attachLora((given ?? model) as FalconForCausalLM, config as object, options as { device: typeof device })
    expect(attaching).toThrow(expect.objectContaining({ code: 'config' }) as Error)
    expect(attaching).toThrow(message)
  })

  it('outlives the scope it is attached in', async () => {
    const scope = device.memory.open()
    const adapter = attachLora(model, {}, { device })
    scope.close()
    for (const tensor of adapter.namedTrainableParameters().values())
      expect(device.memory.isLive(tensor.buffer)).toBe(true)
    await logits()
  })

  it('merges into 4-bit weights in full precision, and frees them', async () => {
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
    const adapter = attachLora(model, { targetModules: 'all-linear', initLoraWeights: false }, { device })
    expect(countParameters(model)).toMatchObject({
      all: 19200 + adapterCount(),
      allPacked: 19200 - 16384 / 2 + adapterCount(),
    })
    const adapted = await logits()
    const layer = adapter.layers.get(qkv(1))
    const base = layer?.base.weights['weight']
    if (layer === undefined || !(base instanceof FourBitTensor)) throw new Error('the base is not 4-bit')
    const merged = layer.merged().weights['weight']
    const [full, delta] = [await dequantize(base).read(), await layer.deltaWeight().read()]
    const sum = full.map((value, i) => value + (delta[i] ?? NaN))
    expect(maxDifference(merged instanceof Tensor ? await merged.read() : [], sum)).toBeLessThan(1e-6)
    adapter.merge()
    expect(maxDifference(await logits(), adapted)).toBeLessThan(1e-4)
    expect(device.memory.isLive(base.parts.codes.buffer)).toBe(false)
    expect([...model.namedWeights()].filter(([, weight]) => weight instanceof FourBitTensor)).toEqual([])
    expect(countParameters(model)).toMatchObject({ trainable: 0, all: 19200 })
  })

  it.each(['f16', 'int8'] as const)(
    'trains over %s weights, and merges into them in full precision',
    async (format) => {
      model.dispose()
      model = await tinyFalcon(device, format)
      const adapter = attachLora(model, { targetModules: 'all-linear', initLoraWeights: false }, { device })
      const { batch, labels } = await tinyBatch()
      const scope = device.memory.open()
      const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
      expect([...adapter.namedTrainableParameters().values()].every((factor) => grads.get(factor) !== undefined)).toBe(
        true,
      )
      scope.close()
      const adapted = await logits()
      adapter.merge()
      expect(maxDifference(await logits(), adapted)).toBeLessThan(1e-4)
      expect(new Set([...model.namedWeights()].map(([, weight]) => 'dtype' in weight && weight.dtype))).toEqual(
        new Set(['f32']),
      )
    },
  )

  it('merged, leaves just the bytes of the weights', async () => {
    const { liveBytes, liveBuffers } = device.memory
    attachLora(model, {}, { device }).merge()
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(device.memory.liveBuffers).toBe(liveBuffers)
  })

  it('leaks no byte in a training step on a 4-bit base', async () => {
    model.dispose()
    model = await tinyFalcon(device, 'nf4')
    attachLora(model, { bias: 'lora_only' }, { device })
    const step = () =>
      device.memory.scoped(() => {
        const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
        expect(grads.size).toBe(6)
      })
    step()
    const { liveBytes } = device.memory
    step()
    expect(device.memory.liveBytes).toBe(liveBytes)
  })

  it.each<[Partial<LoraConfig>, string]>([
    [
      { targetModules: ['q_proj'] },
      'attachLora: no module matches targetModules ["q_proj"]; this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
    [
      { targetModules: ['query_key_value', 'q_proj', 'v_proj'] },
      'attachLora: no module matches targetModules "q_proj", targetModules "v_proj"; ' +
        'this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
    [
      { layersToTransform: [1, 7] },
      'attachLora: no module matches layersToTransform 7; this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
    [
      { layersToTransform: 7 },
      'attachLora: no module matches targetModules ["query_key_value"] under layersToTransform 7; ' +
        'this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
    [
      { rankPattern: { dense: 4 } },
      'attachLora: no module matches rankPattern "dense"; this model has word_embeddings, query_key_value, dense, dense_h_to_4h, dense_4h_to_h, lm_head',
    ],
    [
      { targetModules: ['query_key_value', 'ln_f'] },
      'attachLora: "transformer.ln_f" is a norm, but must be one of the linear layers and embeddings',
    ],
  ])('refuses %j and leaves the model alone', async (config, message) => {
    const { liveBytes } = device.memory
    const trainable = model.setRequiresGrad(true).trainableParameters()
    expect(() => attachLora(model, config, { device })).toThrow(message)
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(model.trainableParameters()).toEqual(trainable)
  })

  it('leaves the model alone when memory runs out halfway', async () => {
    const { liveBytes } = device.memory
    const before = [...model.namedModules()]
    const allocate = device.memory.allocate.bind(device.memory)
    let left = 3
    device.memory.allocate = (...given) => {
      if (left-- === 0) throw new Error('memory is full')
      return allocate(...given)
    }
    expect(() => attachLora(model, { bias: 'all' }, { device })).toThrow('memory is full')
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect([...model.namedModules()]).toEqual(before)
    left = Infinity
    const adapter = attachLora(model, {}, { device })
    const { liveBytes: attached } = device.memory
    left = 1
    expect(() => adapter.merge()).toThrow('memory is full')
    expect(device.memory.liveBytes).toBe(attached)
    device.memory.allocate = allocate
    await logits()
  })

  it('takes a second adapter under another name only', () => {
    attachLora(model, {}, { device })
    const again = () => attachLora(model, { targetModules: ['dense'] }, { device })
    expect(again).toThrow('attachLora: the model has an adapter "default" already; give this one another name')
    const named = (name: string) => () => attachLora(model, {}, { device, name })
    expect(named('a.b')).toThrow('attachLora: name must be a name without a dot, and not "__base__", got "a.b"')
    expect(named('__base__')).toThrow('attachLora: name must be a name without a dot')
  })

  it("spells 'all-linear' out, for PEFT saves it so", () => {
    const adapter = attachLora(model, { targetModules: 'all-linear' }, { device })
    expect(adapter.config.targetModules).toEqual(['query_key_value', 'dense', 'dense_h_to_4h', 'dense_4h_to_h'])
    adapter.detach()
    const excluding = attachLora(model, { targetModules: 'all-linear', excludeModules: ['dense'] }, { device })
    expect(excluding.config.targetModules).toEqual(['query_key_value', 'dense_h_to_4h', 'dense_4h_to_h'])
  })
})

/** Elements of r = 8 on every projection of the tiny model. */
function adapterCount(): number {
  return 2 * 8 * (32 + 96 + 32 + 32 + 32 + 64 + 64 + 32)
}
