import { f32ToBf16 } from '../src/core/float16.ts'
import { countOf, type Shape } from '../src/core/shape.ts'
import type { Device } from '../src/device/device.ts'
import { generateTokens } from '../src/generate/generate.ts'
import type { CausalLm } from '../src/models/causal-lm.ts'
import { falconRwConfig } from '../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../src/models/architectures.ts'
import { FalconForCausalLM } from '../src/models/falcon/falcon.ts'
import type { Weight } from '../src/nn/module.ts'
import { quantizeFourBit } from '../src/formats/four-bit/quantize-four-bit.ts'
import { attachLora } from '../src/peft/attach.ts'
import { empty, fromArray, type Tensor } from '../src/tensor/tensor.ts'
import { TrainingRun } from '../src/train/training-run.ts'

/**
 * Falcon-RW-1B's width and vocabulary with as many layers, random weights, its projections in double-quantised NF4.
 * @param headDtype Of the table of embeddings, which is the head as well: its own file has it in bf16. Default f32.
 */
export function randomFalcon(device: Device, layers: number, headDtype: 'f32' | 'bf16' = 'f32'): FalconForCausalLM {
  const config = falconRwConfig({
    vocabSize: 50304,
    hiddenSize: 2048,
    numHiddenLayers: layers,
    numAttentionHeads: 32,
  })
  const weights = new Map<string, Weight>()
  for (const { name, shape, role, init } of modelWeights(config)) {
    const tensor = device.memory.rooted(() =>
      init === 'normal'
        ? noisy(device, shape, name, role === 'embedding' ? headDtype : 'f32')
        : fromArray(device, new Float32Array(countOf(shape)).fill(+(init === 'ones')), shape, name),
    )
    if (role === 'projection') {
      weights.set(
        name,
        device.memory.rooted(() => quantizeFourBit(tensor)),
      )
      tensor.dispose()
    } else weights.set(name, tensor)
  }
  return new FalconForCausalLM(config, weights)
}

/** A tensor of one piece of noise over and over: which numbers they are does not change what a step costs. */
function noisy(device: Device, shape: Shape, label: string, dtype: 'f32' | 'bf16'): Tensor {
  const tensor = empty(device, shape, label, dtype)
  const values = dtype === 'f32' ? noise : f32ToBf16(noise)
  for (let at = 0; at < tensor.count; at += values.length) {
    const piece = values.subarray(0, tensor.count - at)
    const byteOffset = piece.BYTES_PER_ELEMENT * at
    device.upload({ buffer: tensor.buffer, byteOffset, byteLength: piece.byteLength }, piece)
  }
  return tensor
}

// So many that in 16 bits, too, they are whole words of 4 bytes, as uploads are.
const noise = new Float32Array(1_000_004)
let state = 1
for (let i = 0; i < noise.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  noise[i] = (state / 2 ** 32 - 0.5) * 0.07
}

/** What a step is like. */
export interface StepOptions {
  readonly layers: number
  readonly tokens: number
  readonly gradientCheckpointing?: boolean
}

/** Steps of QLoRA, batch 1, r = 16 on query_key_value, which is PEFT's default for Falcon; a call is one. */
export function trainingSteps(
  device: Device,
  { layers, tokens, gradientCheckpointing = false }: StepOptions,
): () => Promise<void> {
  const model = randomFalcon(device, layers)
  attachLora(model, { r: 16, loraAlpha: 32 }, { device })
  const inputIds = Int32Array.from({ length: tokens }, (_, i) => (i * 37) % 50304)
  const options = { batchSize: 1, maxSteps: 10_000, gradientCheckpointing }
  const steps = new TrainingRun(model, [{ inputIds, labels: inputIds }], options)[Symbol.asyncIterator]()
  return async () => {
    await steps.next()
  }
}

/** Tokens after a prompt of 16, one after another and whatever they are; a call is one. */
export async function decodedTokens(
  model: CausalLm,
  prompt: readonly number[] = Array.from({ length: 16 }, (_, i) => i * 37),
): Promise<() => Promise<void>> {
  const tokens = generateTokens(model, [prompt], { maxNewTokens: 10_000, eosTokenId: [] })
  await tokens.next()
  return async () => {
    const { done } = await tokens.next()
    if (done === true) throw new Error('the model has no room for more tokens')
  }
}
