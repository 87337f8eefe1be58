import { DryDevice } from '../device/dry-device.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { WeightSpec } from './causal-lm.ts'
import type { WeightSource } from './weight-picker.ts'

/** What a constructor makes of weights that hold nothing, and the weights that it asked for, in its order. */
export interface Recorded<M> {
  readonly model: M
  readonly specs: readonly WeightSpec[]
}

/** Runs a model's constructor on tensors without memory: on no device, in no time, whatever the sizes. */
export function recordWeights<M>(create: (weights: WeightSource) => M): Recorded<M> {
  const device = new DryDevice('cpu')
  const specs = new Map<string, WeightSpec>()
  const model = create({
    get(name, spec) {
      specs.set(name, spec)
      return new Tensor(device, spec.shape, 'f32', { byteLength: 0, label: name, writes: 0, owner: null })
    },
  })
  return { model, specs: [...specs.values()] }
}
