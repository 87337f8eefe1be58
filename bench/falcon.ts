import { countOf } from '../src/core/shape.ts'
import type { Device } from '../src/device/device.ts'
import { falconRwConfig } from '../src/models/falcon-config.ts'
import { FalconForCausalLM, falconWeights } from '../src/models/falcon.ts'
import type { Weight } from '../src/nn/module.ts'
import { quantizeFourBit } from '../src/ops/quantize.ts'
import { fromArray } from '../src/tensor/tensor.ts'

/** Falcon-RW-1B's width and vocabulary with as many layers, random weights, its projections in double-quantised NF4. */
export function randomFalcon(device: Device, layers: number): FalconForCausalLM {
  const config = falconRwConfig({
    vocabSize: 50304,
    hiddenSize: 2048,
    numHiddenLayers: layers,
    numAttentionHeads: 32,
  })
  const weights = new Map<string, Weight>()
  for (const { name, shape, role, init } of falconWeights(config)) {
    const values = init === 'normal' ? noise(countOf(shape)) : new Float32Array(countOf(shape)).fill(+(init === 'ones'))
    const tensor = device.memory.rooted(() => fromArray(device, values, shape, name))
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

/** Numbers of the weights' size: their distribution does not change what a step costs. */
function noise(count: number): Float32Array {
  const values = new Float32Array(count)
  let state = 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[i] = (state / 2 ** 32 - 0.5) * 0.07
  }
  return values
}
