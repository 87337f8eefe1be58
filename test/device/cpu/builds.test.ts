import { describe, expect, it } from 'vitest'
import { runScript } from '../run-script.ts'

const major = Number.parseInt(process.versions.node, 10)
/** f32x4.relaxed_madd in a module of one function, as the WebAssembly specification encodes it. */
const relaxedModule = `Uint8Array.from(Buffer.from(
  '0061736d01000000' + '010401600000' + '03020100' + '0a14011200' + '4100fd11'.repeat(3) + 'fd85021a0b', 'hex'))`

describe('the builds of the CPU kernels', () => {
  it('use relaxed SIMD unless told not to, and then touch no flag of the process', async () => {
    const { status, stdout, stderr } = await runScript(`
      const plain = await openCpuDevice({ build: 'simd', threads: 1 })
      console.log(plain.description, WebAssembly.validate(${relaxedModule}))
      const usual = await openCpuDevice({ threads: 1 })
      console.log(usual.description, WebAssembly.validate(${relaxedModule}))`)
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual([
      `CPU engine (WebAssembly, SIMD, 1 thread) ${major !== 20}`,
      'CPU engine (WebAssembly, relaxed SIMD, 1 thread) true',
    ])
    expect(status).toBe(0)
  })

  it.each(['deno', 'bun'])('claim no flag of V8 in %s, where setting one changes nothing', async (runtime) => {
    const before = `Object.defineProperty(process.versions, '${runtime}', { value: '1.0.0' })`
    const script = `
      const { unlockSimd } = await import('../../src/platform/node.ts')
      console.log(unlockSimd('relaxed'), unlockSimd('wide'))`
    const { stdout, stderr } = await runScript(script, ['--import', `data:text/javascript,${before}`])
    expect(stderr).toBe('')
    expect(stdout).toBe('null null\n')
  })

  it('say what is missing where a build cannot run', async () => {
    const { stdout, stderr } = await runScript(`
      WebAssembly.validate = () => false
      await openCpuDevice({ build: 'wide' }).catch(({ code, message }) => console.log(code, message))`)
    expect(stderr).toBe('')
    expect(stdout).toBe('device cpu: build wide cannot run here, this engine has no relaxed SIMD; leave build out\n')
  })
})
