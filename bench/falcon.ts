import type { Device } from '../src/device/device.ts'
import { falconRwConfig } from '../src/models/falcon-config.ts'
import { FalconForCausalLM, falconWeights } from '../src/models/falcon.ts'
import type { Weight } from '../src/nn/module.ts'
import { quantizeFourBit } from '../src/ops/quantize.ts'
import { empty, type Tensor } from '../src/tensor/tensor.ts'

/** Falcon-RW-1B's width and vocabulary with as many layers, random weights, its projections in double-quantised NF4. */
export function randomFalcon(device: Device, layers: number): FalconForCausalLM {
  const config = falconRwConfig({
    vocabSize: 50304,
    hiddenSize: 2048,
    numHiddenLayers: layers,
    numAttentionHeads: 32,
  })
  const weights = new Map<string, Weight>()
  const noise = new Noise()
  for (const { name, shape, role, init } of falconWeights(config)) {
    const tensor = device.memory.rooted(() => empty(device, shape, name))
    if (init === 'normal') noise.fill(tensor)
    else tensor.write(new Float32Array(tensor.count).fill(+(init === 'ones')))
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

/** Numbers of the weights' size, a few at a time: their distribution does not change what a step costs. */
class Noise {
  readonly #values = new Float32Array(2 ** 20)
  #state = 1

  fill(tensor: Tensor): void {
    const most = Math.floor(this.#values.length / tensor.columns)
    for (let row = 0; row < tensor.rows; row += most) {
      const part = tensor.slice(row, Math.min(tensor.rows, row + most))
      part.write(this.#next(part.count))
    }
  }

  #next(count: number): Float32Array {
    let state = this.#state
    for (let i = 0; i < count; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      this.#values[i] = (state / 2 ** 32 - 0.5) * 0.07
    }
    this.#state = state
    return this.#values.subarray(0, count)
  }
}
