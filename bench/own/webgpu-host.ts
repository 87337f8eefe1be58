// What a training step costs the thread that queues it on WebGPU (encode, bind, submit), in a process of its own. The
// model has layers like a large one and is narrow, so that the adapter is never what is waited for.
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { falconRwConfig } from '../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { initialWeights } from '../../src/models/initial-weights.ts'
import { quantize } from '../../src/nn/quantize.ts'
import { AdamW } from '../../src/optim/adamw.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { openAdapter } from '../open-webgpu.ts'
import { serve } from '../serve.ts'
import { summarise } from '../stats.ts'

const warmUps = 20
const tokens = 16
const [layers = 0] = process.argv.slice(2).map(Number)
const device = await openAdapter()
const config = falconRwConfig({ vocabSize: 256, hiddenSize: 64, numHiddenLayers: layers, numAttentionHeads: 1 })
const model = new FalconForCausalLM(config, initialWeights(device, modelWeights(config), 0.02, 1))
quantize(model)
attachLora(model, { r: 16, loraAlpha: 32 }, { device })
const optimizer = new AdamW(model.trainableParameters())
const inputIds = Int32Array.from({ length: tokens }, (_, i) => (i * 37) % 256)
const gradOf = valueAndGrad(model, () => model.loss({ inputIds, shape: [1, tokens] }, inputIds))

/** Milliseconds in the engine since the start of a step. */
let engine = 0
for (const name of ['run', 'copy', 'upload'] as const) timeCallsOf(name)

/** Milliseconds between the start of an encoder and its end, since the start of a step. */
let encoding = 0
timeEncoders()

interface StepTimes {
  /** Until all of a step is sent out. */
  readonly all: number
  /** Of that, in the engine. */
  readonly engine: number
  /** Encoding what comes next, while the adapter works. */
  readonly ahead: number
}

/** Milliseconds of a step; resolves when it is done. */
async function step(): Promise<StepTimes> {
  const scope = device.memory.open()
  try {
    engine = encoding = 0
    const start = performance.now()
    const { grads } = gradOf(null)
    optimizer.step(grads, 1e-4, 1)
    const settling = performance.now()
    // Sends out what is queued before it returns.
    const done = device.settle()
    const end = performance.now()
    const before = encoding
    await done
    return { all: end - start, engine: engine + end - settling, ahead: encoding - before }
  } finally {
    scope.close()
  }
}

const dispatches = await countOf(passPrototype(), 'dispatchWorkgroups')
const submits = await countOf(Object.getPrototypeOf(device.gpu.queue) as GPUQueue, 'submit')
for (let i = 0; i < warmUps; i++) await step()
await serve({ versions: { adapter: device.description }, counts: { dispatches, submits } }, async (calls) => {
  const times: StepTimes[] = []
  for (let i = 0; i < calls; i++) times.push(await step())
  const median = (of: keyof StepTimes) => summarise(times.map((time) => time[of])).median
  return { milliseconds: median('all'), encoding: median('engine'), ahead: median('ahead') }
})

/** Adds what calls of a method take to `engine`. */
function timeCallsOf(name: 'run' | 'copy' | 'upload'): void {
  const original = device[name].bind(device) as (a: unknown, b: unknown, c: unknown) => void
  // Written out: to gather and spread what is given would count as well.
  const timed = (a: unknown, b: unknown, c: unknown) => {
    const start = performance.now()
    original(a, b, c)
    engine += performance.now() - start
  }
  Object.defineProperty(device, name, { value: timed })
}

function timeEncoders(): void {
  type Method<T> = (this: unknown, ...given: unknown[]) => T
  const gpu = Object.getPrototypeOf(device.gpu) as { createCommandEncoder: Method<GPUCommandEncoder> }
  const encoder = Object.getPrototypeOf(device.gpu.createCommandEncoder()) as { finish: Method<GPUCommandBuffer> }
  const { createCommandEncoder } = gpu
  const { finish } = encoder
  let begun = 0
  gpu.createCommandEncoder = function (...given) {
    begun = performance.now()
    return createCommandEncoder.apply(this, given)
  }
  encoder.finish = function (...given) {
    const commands = finish.apply(this, given)
    encoding += performance.now() - begun
    return commands
  }
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
