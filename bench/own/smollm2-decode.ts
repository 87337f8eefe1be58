// Tokens of SmolLM2 one after another with peft-medaware, from a model's folder and a file of tokens: its first 16 are
// the prompt.
import { readFileSync } from 'node:fs'
import { type CpuBuild, openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { decodedTokens } from '../falcon.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const [folder = '', ids = '', build = 'simd'] = process.argv.slice(2)
const device = await openCpuDevice({ build: build as CpuBuild, profile: true })
const { model } = await loadModel(folder, { device })
// The head is the table of embeddings as well: a token reads all of it.
const bytes = device.memory.liveBytes
const prompt = (JSON.parse(readFileSync(ids, 'utf8')) as number[]).slice(0, 16)
const token = await decodedTokens(model, prompt)
await serve({ versions: {}, bytes }, async (calls) => {
  device.profile?.reset()
  return { milliseconds: await clock(token, calls), kernels: device.profile?.costs() ?? [] }
})
