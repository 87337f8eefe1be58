// A LoRA step of the small Falcon with the WebGPU engine, in a process of its own: its base in f32 or nf4, and with the
// word profile each kernel timed.
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { quantize } from '../../src/nn/quantize.ts'
import { AdamW } from '../../src/optim/adamw.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { openAdapter } from '../open-webgpu.ts'
import { serveSteps } from '../serve-steps.ts'
import { small, smallFalcon } from '../small-falcon.ts'

const [storage, profile] = process.argv.slice(2)
const device = await openAdapter({ profile: profile === 'profile' })
const { config, weights, factors, inputIds } = smallFalcon()
const { tokens, rank, loraAlpha, beta1, beta2, eps, learningRate, maxGradNorm } = small

const tensors = [...weights].map(
  ([name, { shape, values }]) => [name, device.memory.rooted(() => fromArray(device, values, shape, name))] as const,
)
const model = new FalconForCausalLM(config, new Map(tensors))
if (storage === 'nf4') quantize(model)
const adapter = attachLora(model, { r: rank, loraAlpha, targetModules: ['query_key_value'] }, { device })
for (const [i, { weights }] of [...adapter.layers.values()].entries()) {
  weights['lora_A.weight']!.write(factors[i]!.a.values)
  weights['lora_B.weight']!.write(factors[i]!.b.values)
}
const optimizer = new AdamW(model.trainableParameters(), { betas: [beta1, beta2], eps })
const gradOf = valueAndGrad(model, () => model.loss({ inputIds, shape: [1, tokens] }, inputIds))

async function step(): Promise<number> {
  const scope = device.memory.open()
  try {
    return await queueStep().item()
  } finally {
    scope.close()
  }
}

/** Queues a step, and gives its loss to the open scope. */
function queueStep(): Tensor {
  const { loss, grads } = gradOf(null)
  optimizer.step(grads, learningRate, maxGradNorm)
  return loss
}

await device.prepare(() => {
  device.memory.scoped(queueStep)
})
// A rehearsal is no step.
optimizer.steps = 0
await serveSteps({ adapter: device.description }, step, device)
