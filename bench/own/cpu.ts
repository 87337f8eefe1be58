// What peft-medaware does, timed in a process of its own: a matrix product, a training step or a decoded token.
import { parseArgs } from 'node:util'
import { type CpuBuild, openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { decodedTokens, trainingSteps } from '../falcon.ts'
import { Product } from '../product.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const { values: flags } = parseArgs({
  options: {
    work: { type: 'string', default: 'step' },
    build: { type: 'string', default: 'simd' },
    layers: { type: 'string', default: '24' },
    tokens: { type: 'string', default: '128' },
    'gradient-checkpointing': { type: 'boolean', default: false },
  },
})
const device = await openCpuDevice({ build: flags.build as CpuBuild, profile: true })
const call = await work()
await serve({ versions: {} }, async (calls) => {
  device.profile?.reset()
  return { milliseconds: await clock(call, calls), kernels: device.profile?.costs() ?? [] }
})

async function work(): Promise<() => void | Promise<void>> {
  const layers = Number(flags.layers)
  if (flags.work === 'decode') return decodedTokens(device, layers)
  if (flags.work === 'step') {
    const gradientCheckpointing = flags['gradient-checkpointing']
    return trainingSteps(device, { layers, tokens: Number(flags.tokens), gradientCheckpointing })
  }
  const product = new Product(device, 128, 2048, 2048)
  return () => product.dense(128, 0, 1)
}
