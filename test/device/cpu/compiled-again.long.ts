import { describe, expect, it } from 'vitest'
import { askedCpu } from '../cpu-under-test.ts'
import { runScript } from '../run-script.ts'

/**
 * V8 compiles a kernel once more when it has run for a while, with what it saw of its calls: after some thousands of
 * bytes here, not millions. A compiler that cannot, as V8's revectoriser at times, ends the process.
 */
const soon = ['--wasm-tiering-budget=2000']

/** `.ci/node-matrix` asks for the build that a version of Node takes. */
describe.runIf(askedCpu !== null)('every kernel', () => {
  it('is right when V8 has compiled it again', async () => {
    const { status, stdout, stderr } = await runScript(
      `
      const { formulaCases, rowCallCases } = await import('./cases/index.ts')
      const { faultOf, runCase } = await import('./kernel-case.ts')
      const device = await openCpuDevice({ build: '${askedCpu?.build ?? ''}', threads: 1 })
      const cases = [...formulaCases, ...(await rowCallCases())]
      for (let round = 0; round < 2; round++) {
        for (const one of cases) {
          const fault = faultOf(one, await runCase(device, one), device)
          if (fault !== null) console.log(one.kernel, one.title, fault)
        }
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      console.log(cases.length > 1000 ? 'done' : 'too few')
      process.exit()`,
      soon,
    )
    expect(stderr.split('\n').slice(0, 5).join('\n')).toBe('')
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'done\n' })
  })
})
