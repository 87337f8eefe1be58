// What peft-medaware does, timed in a process of its own: a matrix product, a training step or a decoded token.
import { parseArgs } from 'node:util'
import { type CpuBuild, openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { decodedTokens, randomFalcon, trainingSteps } from '../falcon.ts'
import { Product } from '../product.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const { values: flags } = parseArgs({
  options: {
    work: { type: 'string', default: 'step' },
    build: { type: 'string', default: 'simd' },
    layers: { type: 'string', default: '24' },
    tokens: { type: 'string', default: '128' },
    head: { type: 'string', default: 'f32' },
    'gradient-checkpointing': { type: 'boolean', default: false },
  },
})
const device = await openCpuDevice({ build: flags.build as CpuBuild, profile: true })
const { call, bytes } = await work()
await serve({ versions: {}, ...(bytes !== undefined && { bytes }) }, async (calls, variant) => {
  device.profile?.reset()
  return { milliseconds: await clock(() => call(variant), calls), kernels: device.profile?.costs() ?? [] }
})

interface Work {
  readonly call: (variant: string) => void | Promise<void>
  /** That a call has to read. */
  readonly bytes?: number
}

async function work(): Promise<Work> {
  const layers = Number(flags.layers)
  if (flags.work === 'decode') {
    const model = randomFalcon(device, layers, flags.head === 'bf16' ? 'bf16' : 'f32')
    // Codes, scales and the head, which is the table of embeddings as well: a token reads all of them.
    const bytes = device.memory.liveBytes
    return { call: await decodedTokens(model), bytes }
  }
  if (flags.work === 'step') {
    const gradientCheckpointing = flags['gradient-checkpointing']
    return { call: trainingSteps(device, { layers, tokens: Number(flags.tokens), gradientCheckpointing }) }
  }
  if (flags.work === 'rows') {
    // 512 rows of codes and scales lie in the second-level caches of two cores.
    const rows = new Product(device, 1, 512, 2048)
    return { call: () => rows.fourBit(1, 1), bytes: (512 * 2048) / 2 + (512 * 2048) / 64 }
  }
  const product = new Product(device, 128, 2048, 2048)
  return {
    call: (variant) => {
      if (variant === 'nf4') product.fourBit(128, 1)
      else product.dense(128, 0, 1)
    },
  }
}
