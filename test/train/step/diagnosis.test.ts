import { afterAll, describe, expect, it } from 'vitest'
import { record } from '../../../src/autograd/record.ts'
import type { Device } from '../../../src/device/device.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { mul } from '../../../src/ops/mul.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import type { LabelledBatch } from '../../../src/train/labelled-batch.ts'
import type { TrainingOptions } from '../../../src/train/training-options.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { testEngines } from '../../device/devices.ts'
import { tinyFalcon } from '../../peft/tiny-falcon.ts'
import { collected, randomExamples, trainedNumbers } from '../tiny-run.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

/** Batches of one example. */
const batches: readonly LabelledBatch[] = randomExamples(6).map(({ inputIds, labels }) => {
  return { inputIds, labels, shape: [1, inputIds.length] }
})

/** The error that ends a run of a poisoned model; it leaves parameters and memory as they were. */
async function ended(
  device: Device,
  poison: (model: FalconForCausalLM) => void,
  options: TrainingOptions = {},
  weights: 'f32' | 'f16' = 'f32',
): Promise<string> {
  const model = await tinyFalcon(device, weights)
  const adapter = attachLora(model, { r: 4, loraDropout: 0.2 }, { device, seed: 5 })
  poison(model)
  const run = new TrainingRun(model, () => batches, { maxSteps: 6, loggingSteps: 1, ...options })
  try {
    const [before, bytes] = [await trainedNumbers(model), device.memory.liveBytes]
    const error: unknown = await collected(run).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'numeric' })
    // The first step is the one that is not finite, unless the loss says so.
    if (options.loss === undefined) expect(await trainedNumbers(model)).toEqual(before)
    expect(device.memory.liveBytes).toBe(bytes)
    expect(Object.keys(model.modules.transformer)).not.toContain('forward')
    return error instanceof Error ? error.message : ''
  } finally {
    run.dispose()
    adapter.detach()
    model.dispose()
  }
}

/** A tensor of a model's weight. */
function weightOf(model: FalconForCausalLM, path: string): Tensor {
  const [, weight] = [...model.namedWeights()].find(([name]) => name === path) ?? []
  const [tensor] = weight?.tensors ?? []
  if (tensor === undefined) throw new Error(`no ${path}`)
  return tensor
}

const mlp = 'transformer.h.1.mlp.dense_h_to_4h'

describe.each(devices)('$description', (device) => {
  it('names a weight that is not finite', async () => {
    const poison = (model: FalconForCausalLM): void => {
      const weight = weightOf(model, 'transformer.h.1.input_layernorm.weight')
      weight.write(new Float32Array(weight.count).fill(1).fill(NaN, 5, 6))
    }
    // A kernel of a GPU may take the greater of a number and NaN to be the number: the norm shows it then.
    expect(await ended(device, poison)).toMatch(
      /^TrainingRun: the (loss|gradient norm) is NaN at step 1: the weight transformer\.h\.1\.input_layernorm\.weight is not finite; lower the learning rate or look for bad rows$/,
    )
  })

  it('names a weight in 16 bits that has overflowed', async () => {
    const poison = (model: FalconForCausalLM): void => {
      const weight = weightOf(model, `${mlp}.weight`)
      device.upload(weight, new Uint16Array(weight.count).fill(0x7c00))
    }
    expect(await ended(device, poison, {}, 'f16')).toContain(`: the weight ${mlp}.weight is not finite; `)
  })

  it('names the first module whose output overflows, of weights that are finite', async () => {
    const poison = (model: FalconForCausalLM): void => {
      const weight = weightOf(model, `${mlp}.weight`)
      device.upload(weight, new Uint16Array(weight.count).fill(0x7bff))
      const norm = weightOf(model, 'transformer.h.1.post_attention_layernorm.weight')
      norm.write(new Float32Array(norm.count).fill(3e38))
    }
    for (const gradientCheckpointing of [false, true]) {
      expect(await ended(device, poison, { gradientCheckpointing }, 'f16')).toMatch(
        /: transformer\.h\.1\.[\w.]+ is the first module whose output is not finite; /,
      )
    }
  })

  it('tells a loss of a poisoned batch, and at its step', async () => {
    const loss: TrainingOptions['loss'] = (model, batch, { normalizer }) => {
      const sum = model.loss(batch, batch.labels, normalizer)
      return batch === batches[2] ? mul(sum, Infinity) : sum
    }
    expect(await ended(device, () => undefined, { loss })).toMatch(
      /^TrainingRun: the loss is (Infinity|NaN) at step 3: the output of every module is finite, the loss of them is not; /,
    )
  })

  it('tells gradients whose squares alone overflow', async () => {
    const loss: TrainingOptions['loss'] = (model, batch, { normalizer }) => {
      return mul(model.loss(batch, batch.labels, normalizer), 1e30)
    }
    expect(await ended(device, () => undefined, { loss })).toContain(
      'the gradient norm is Infinity at step 1: every weight, output and gradient is finite by itself; ',
    )
  })

  it('names the first gradient on the way back that is not finite', async () => {
    // An op whose way back overflows, and whose way forth does not.
    const steep = (x: Tensor): Tensor => record(mul(x, 1), [x], (dOut) => [mul(dOut, Infinity)])
    const loss: TrainingOptions['loss'] = (model, batch, { normalizer }) => {
      return steep(model.loss(batch, batch.labels, normalizer))
    }
    expect(await ended(device, () => undefined, { loss })).toMatch(
      /is NaN at step 1: the gradient of transformer\.h\.1\.self_attention\.query_key_value\.lora_[\w.]+ is the first that is not finite; /,
    )
  })
})
