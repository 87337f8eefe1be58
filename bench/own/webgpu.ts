// What the WebGPU engine does, timed in a process of its own: a product, a LoRA linear or multiply-adds alone.
import { readFileSync } from 'node:fs'
import { Tape } from '../../src/autograd/tape.ts'
import { Linear } from '../../src/nn/linear.ts'
import { AdaptedLinear } from '../../src/peft/layers/adapted-linear.ts'
import { LoraLinear } from '../../src/peft/lora/lora-linear.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { openAdapter } from '../open-webgpu.ts'
import { normals, Product } from '../product.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const [work = '', ...sizes] = process.argv.slice(2)
const [m = 0, n = 0, k = 0] = sizes.map(Number)
const device = await openAdapter()
const call = callOf()
const once = async () => {
  call()
  await device.settle()
}
if (work !== 'peak') await device.prepare(call)
await once()
await serve({ versions: { adapter: device.description } }, async (calls) => ({
  milliseconds: await clock(once, calls),
}))

function callOf(): () => void {
  if (work === 'lora') return loraLinear()
  if (work === 'peak') return multiplyAdds()
  const product = new Product(device, m, n, k)
  if (work === 'f32-nt') return () => product.dense(m, 0, 1)
  if (work === 'f32-nn') return () => product.dense(m, 0, 0)
  if (work === 'nf4-nt') return () => product.fourBit(m, 1)
  if (work === 'nf4-nn') return () => product.fourBit(m, 0)
  throw new Error(`there is no work ${work}`)
}

/** y = W x + 2 B A x for m rows of k, and the gradients of x, A and B from one of y; rank 8. */
function loraLinear(): () => void {
  const r = 8
  const tensor = (rows: number, columns: number) =>
    device.memory.rooted(() => fromArray(device, normals(rows * columns), [rows, columns], 'operand'))
  const [x, a, b, dY] = [tensor(m, k), tensor(r, k), tensor(n, r), tensor(m, n)]
  const parameters = new Set([x, a, b])
  for (const parameter of parameters) parameter.requiresGrad = true
  const factors = { 'lora_A.weight': a, 'lora_B.weight': b }
  const layer = new AdaptedLinear(new Linear(tensor(n, k), null)).add('default', new LoraLinear(factors, 2, 0))
  return () => {
    const tape = new Tape()
    device.memory.scoped(() => {
      const y = Tape.during(tape, () => layer.forward(x))
      tape.backward(y, dY, parameters, new Set())
    })
  }
}

/** As many multiply-adds as a product of these sizes has. */
function multiplyAdds(): () => void {
  const { gpu } = device
  const code = readFileSync(new URL('../peak.wgsl', import.meta.url), 'utf8')
  const invocations = 4096
  const pipeline = gpu.createComputePipeline({
    layout: 'auto',
    compute: { module: gpu.createShaderModule({ code }), constants: { STEPS: (m * n * k) / invocations / 32 } },
  })
  const buffer = gpu.createBuffer({ size: 4 * invocations, usage: 128 })
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  })
  return () => {
    const encoder = gpu.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(invocations / 64)
    pass.end()
    gpu.queue.submit([encoder.finish()])
  }
}
