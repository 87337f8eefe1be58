import { expect, it } from 'vitest'
import { openEngine } from '../../src/device/cpu/engine.ts'
import { cpuBuilds } from '../../src/device/cpu/module.ts'
import type { KernelRow } from '../../src/device/register/kernel-row.ts'
import { kernels } from '../../src/device/register/kernels.ts'

it.each(cpuBuilds())(
  'a kernel of the %s build takes what its row says: reads, writes, parameters, begin and end',
  async (build) => {
    const engine = await openEngine(build, 1)
    const rows = Object.entries(kernels) as unknown as [string, KernelRow][]
    // A WebAssembly function's length is its count of parameters; a call with fewer would fill in zeros without a word.
    const taken = Object.fromEntries([...engine.kernels].map(([name, twin]) => [name, twin.length]))
    const said = rows.map(([name, { reads, writes, params }]) => {
      return [name, reads.length + writes.length + Object.keys(params).length + 2]
    })
    expect(taken).toEqual(Object.fromEntries(said))
  },
)
