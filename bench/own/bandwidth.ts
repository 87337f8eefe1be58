// A plain sum of so many bytes, on all threads: what reading them once takes at least. See wasm/sum.as.ts.
import { availableParallelism } from 'node:os'
import type { CpuBuild } from '../../src/device/cpu/cpu-device.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'
import { compileFor } from '../wasm/compile.ts'
import { Team } from '../wasm/team.ts'

const [build = 'simd', bytes = '0'] = process.argv.slice(2)
const team = new Team(await compileFor(build as CpuBuild, 'sum'), availableParallelism())
const share = Math.ceil(Number(bytes) / team.threads / 128) * 128
await team.call('reserve', share)
// V8 compiles what has run a while once more, and takes up the faster code at the next call.
for (let i = 0; i < 5; i++) await team.call('sum')
await serve({ versions: {}, bytes: share * team.threads }, async (calls) => ({
  milliseconds: await clock(() => team.call('sum'), calls),
}))
