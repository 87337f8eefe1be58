import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { choiceOf } from '../../../src/device/cpu/fastest-build.ts'
import { runScript } from '../run-script.ts'

const hasRevectoriser = [24, 26].includes(Number.parseInt(process.versions.node, 10)) && process.arch === 'x64'
const cpuInfo = '/proc/cpuinfo'
const hasAvx2 = existsSync(cpuInfo) && /\bavx2\b/.test(readFileSync(cpuInfo, 'utf8'))

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-builds-'))
})
afterAll(() => rm(work, { recursive: true }))

/** Opens the fastest build in a Node of its own, whose cache is in the folder. */
async function opened(folder: string, flags: readonly string[] = []) {
  const { stdout, stderr } = await runScript(
    `
    process.env['XDG_CACHE_HOME'] = ${JSON.stringify(join(work, folder))}
    const { openDevice } = await import('../../src/device/open-device.ts')
    const { device, reason } = await openDevice({ device: 'cpu', cpu: { build: 'fastest', threads: 1 } })
    const { build, whyBuild, flags } = device
    const again = await openCpuDevice({ build: 'fastest', threads: 1 })
    console.log(JSON.stringify({ build, whyBuild, flags, reason, again: again.whyBuild }))
    process.exit()`,
    flags,
  )
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Readonly<Record<'build' | 'whyBuild' | 'reason' | 'again', string>> & {
    readonly flags: readonly string[]
  }
}

async function keptFile(folder: string): Promise<string> {
  const cache = join(work, folder, 'peft-medaware')
  const [name = ''] = (await readdir(cache)).filter((each) => each.startsWith('cpu-build-'))
  return join(cache, name)
}

describe('the fastest build', () => {
  it.runIf(!hasRevectoriser || hasAvx2)('is wide where V8 makes 256-bit instructions of it, else relaxed', async () => {
    const { build, whyBuild, flags, reason, again } = await opened('first')
    expect(build).toBe(hasRevectoriser ? 'wide' : 'relaxed')
    expect(flags.includes('--experimental-wasm-revectorize')).toBe(hasRevectoriser)
    expect(whyBuild).toMatch(
      hasRevectoriser
        ? /^a product of wide takes 0\.\d\d of relaxed's time here$/
        : /^wide gains in Node 24 and 26 on x64 alone$/,
    )
    expect(reason).toContain(`the CPU engine was asked for; build ${build}, for ${whyBuild}`)
    expect(again).toBe(whyBuild)
  })

  it.runIf(hasRevectoriser)('is what was kept of this place, and of no other', async () => {
    await opened('kept')
    const path = await keptFile('kept')
    const kept = JSON.parse(await readFile(path, 'utf8')) as object
    await writeFile(path, JSON.stringify({ ...kept, ratio: 1.5, isRight: true }))
    expect(await opened('kept')).toMatchObject({
      ...{ build: 'relaxed', whyBuild: "a product of wide takes 1.50 of relaxed's time here", flags: [] },
    })
    for (const text of [JSON.stringify({ ...kept, place: 'elsewhere', ratio: 0.123 }), '{', '[]', '{"ratio":0.123}']) {
      await writeFile(path, text)
      expect((await opened('kept')).whyBuild).not.toContain('0.12')
    }
  })

  it.runIf(hasRevectoriser)('is relaxed without AVX2, and leaves no flag behind', async () => {
    const { build, whyBuild, flags } = await opened('narrow', ['--no-enable-avx2'])
    expect({ build, flags }).toEqual({ build: 'relaxed', flags: [] })
    expect(whyBuild).toMatch(/^a product of wide takes [1-9]\.\d\d of relaxed's time here$/)
  })

  it('is relaxed where wide computes wrong, or is not clearly faster', () => {
    expect(choiceOf({ ratio: 0.6, isRight: false })).toEqual({
      ...{ build: 'relaxed', why: 'wide computes a product wrong here' },
    })
    expect(choiceOf({ ratio: 0.95, isRight: true })).toEqual({
      build: 'relaxed',
      why: "a product of wide takes 0.95 of relaxed's time here, which is no clear answer",
    })
    expect(choiceOf({ ratio: 0.9, isRight: true }).build).toBe('wide')
    expect(choiceOf({ ratio: NaN, isRight: true }).build).toBe('relaxed')
  })

  it('is plain SIMD where there is no relaxed SIMD', async () => {
    const { stdout } = await runScript(`
      const { validate } = WebAssembly
      WebAssembly.validate = (bytes) => bytes.length > 1000 && validate(bytes)
      const { build, whyBuild } = await openCpuDevice({ build: 'fastest', threads: 1 })
      console.log(build, whyBuild)`)
    expect(stdout).toBe('simd this engine has no relaxed SIMD\n')
  })

  it('is asked for by its name', async () => {
    await expect(openCpuDevice({ build: 'quickest' as never })).rejects.toThrow(
      `openCpuDevice: build must be 'simd', 'relaxed', 'wide', 'fastest', got "quickest"`,
    )
  })
})
