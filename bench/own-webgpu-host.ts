// What a training step costs the thread that queues it on WebGPU (encode, bind, submit), in a process of its own. The model has
// layers like a large one and is narrow, so that the adapter is never what is waited for.
import { existsSync, readFileSync } from 'node:fs'
import { valueAndGrad } from '../src/autograd/value-and-grad.ts'
import { falconRwConfig } from '../src/models/falcon-config.ts'
import { FalconForCausalLM, falconWeights } from '../src/models/falcon.ts'
import { initialWeights } from '../src/models/initial-weights.ts'
import { quantize } from '../src/nn/quantize.ts'
import { AdamW } from '../src/optim/adamw.ts'
import { attachLora } from '../src/peft/attach.ts'
import { openAdapter } from './open-webgpu.ts'
import { serve } from './serve.ts'
import { summarise } from './stats.ts'

const schedstat = '/proc/thread-self/schedstat'
const hasProcessorTime = existsSync(schedstat)
const warmUps = 20
const tokens = 16
const [layers = 0] = process.argv.slice(2).map(Number)
const device = await openAdapter()
const config = falconRwConfig({ vocabSize: 256, hiddenSize: 64, numHiddenLayers: layers, numAttentionHeads: 1 })
const model = new FalconForCausalLM(config, initialWeights(device, falconWeights(config), 0.02, 1))
quantize(model)
attachLora(model, { r: 16, loraAlpha: 32 }, { device })
const optimizer = new AdamW(model.trainable())
const inputIds = Int32Array.from({ length: tokens }, (_, i) => (i * 37) % 256)
const gradOf = valueAndGrad(model, () => model.loss({ inputIds, shape: [1, tokens] }, inputIds))

/** Milliseconds until all of a step is sent out, and those this thread had a processor; resolves when it is done. */
async function step(): Promise<{ readonly wall: number; readonly processor: number }> {
  const scope = device.memory.open()
  try {
    const processorStart = processorTime()
    const start = performance.now()
    const { grads } = gradOf(null)
    optimizer.step(grads, 1e-4, 1)
    // Sends out what is queued before it returns.
    const done = device.settle()
    const wall = performance.now() - start
    const processor = processorTime() - processorStart
    await done
    return { wall, processor }
  } finally {
    scope.close()
  }
}

const dispatches = await countOf(passPrototype(), 'dispatchWorkgroups')
const submits = await countOf(Object.getPrototypeOf(device.gpu.queue) as GPUQueue, 'submit')
for (let i = 0; i < warmUps; i++) await step()
await serve({ versions: { adapter: device.description }, counts: { dispatches, submits } }, async (calls) => {
  const times: Awaited<ReturnType<typeof step>>[] = []
  for (let i = 0; i < calls; i++) times.push(await step())
  const median = (of: 'wall' | 'processor') => summarise(times.map((time) => time[of])).median
  return { milliseconds: median('wall'), ...(hasProcessorTime && { onProcessor: median('processor') }) }
})

/** Milliseconds in which this thread had a processor; Linux alone tells. */
function processorTime(): number {
  return hasProcessorTime ? Number(readFileSync(schedstat, 'utf8').split(' ')[0]) / 1e6 : 0
}

function passPrototype(): GPUComputePassEncoder {
  const pass = device.gpu.createCommandEncoder().beginComputePass()
  pass.end()
  return Object.getPrototypeOf(pass) as GPUComputePassEncoder
}

/** How often a step calls a method of WebGPU. */
async function countOf<Name extends string>(
  prototype: Record<Name, (...given: never[]) => unknown>,
  name: Name,
): Promise<number> {
  const original: (...given: never[]) => unknown = prototype[name]
  let count = 0
  prototype[name] = function (this: unknown, ...given: never[]) {
    count++
    return original.apply(this, given)
  }
  await step()
  prototype[name] = original
  return count
}
