import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { Binding, Device } from '../../../src/device/device.ts'
import { openDevice } from '../../../src/device/open-device.ts'
import { programName, twinOf } from '../../../src/device/webgpu/programs/candidates.ts'
import type { TuningProgress } from '../../../src/device/webgpu/programs/tuner.ts'
import type { Variant } from '../../../src/device/webgpu/programs/variant.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuOptions } from '../../../src/device/webgpu/options.ts'
import { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts'
import { at, normals, seedDraws, sumOf } from '../kernel-case.ts'
import type * as SelfTestCases from '../../../src/device/self-test/cases.ts'
import { testGpu } from '../test-gpu.ts'

seedDraws('tuner')

/** Programs of these tests, the same on every adapter. */
let variants: Variant[]
vi.mock('../../../src/device/webgpu/programs/variants.ts', () => ({ variantsFor: () => variants }))
// Software adapters take their time to compile what is not looked at here.
vi.mock('../../../src/device/self-test/cases.ts', async (importOriginal) => {
  const { selfTestCases: all } = await importOriginal<typeof SelfTestCases>()
  return { selfTestCases: () => all().filter(({ kernel }) => kernel === 'sum') }
})

/** The twin of sum with so many lanes, which add in another order: other bits. */
function sized(LANES: number): Variant {
  return { ...twinOf('sum'), constants: { LANES } }
}

/** All its work is done many times over. */
const slow: Variant = { ...sized(32), groups: () => [300, 1, 1] }
/** A text that does not go with the bindings of its kernel, so that no pipeline can be made. */
const broken: Variant = { ...twinOf('sum'), text: 'adamw', constants: { LANES: 64 } }

let folder: string
const home = process.env['XDG_CACHE_HOME']
let opened: WebGpuDevice[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tuning-'))
  process.env['XDG_CACHE_HOME'] = folder
})
afterAll(async () => {
  if (home === undefined) delete process.env['XDG_CACHE_HOME']
  else process.env['XDG_CACHE_HOME'] = home
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  opened = []
  variants = [slow, sized(64)]
})
afterEach(async () => {
  for (const device of opened) device.dispose()
  await rm(join(folder, 'peft-medaware'), { recursive: true, force: true })
})

async function open(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const device = await openWebGpuDevice(await testGpu(), { tuning: 'on', ...options })
  opened.push(device)
  return device
}

const x = normals(3000)
const params = { count: x.length, accumulate: 0, alpha: 1 }
const expected = sumOf(x.length, (i) => at(x, i))

/** Adds up, and returns the window the sum is in. */
function add(device: Device): Binding {
  const place = (byteLength: number, label: string) => {
    return { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
  }
  const [input, out] = [place(x.byteLength, 'x'), place(4, 'out')]
  device.upload(input, x)
  device.run('sum', { x: input, out }, params)
  return out
}

const rehearse = (device: Device) => () => device.memory.scoped(() => void add(device))

async function sum(device: Device): Promise<number> {
  return new Float32Array((await device.download(add(device))).buffer)[0] ?? NaN
}

describe('prepare', () => {
  it('finds the faster program, and the sum is right', async () => {
    const heard: TuningProgress[] = []
    const device = await open({ onTuning: (progress) => heard.push(progress) })
    await device.prepare(rehearse(device))
    const [[name, choice]] = Object.entries(device.tuning) as [[string, string]]
    expect(name).toMatch(/^sum count=4096 of /)
    expect(choice).not.toBe(programName(slow))
    expect(heard).toEqual([
      { done: 0, total: 1, kernel: 'sum' },
      { done: 1, total: 1, kernel: null },
    ])
    expect(await sum(device)).toBeCloseTo(expected, 3)
  })

  it('does nothing of the work it rehearses, and frees what the work does', async () => {
    const device = await open()
    const out = { buffer: device.memory.allocate(16, 'out'), byteOffset: 0, byteLength: 16 }
    const other = { buffer: device.memory.allocate(16, 'other'), byteOffset: 0, byteLength: 16 }
    device.upload(out, Float32Array.of(1, 2, 3, 4))
    const [bytes, buffers] = [device.memory.liveBytes, device.memory.liveBuffers]
    await device.prepare(() => {
      device.run('fill', { out }, { count: 4, value: 9 })
      device.upload(out, Float32Array.of(5, 6, 7, 8))
      device.copy(other, out)
      rehearse(device)()
    })
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual([bytes, buffers])
    expect([...new Float32Array((await device.download(out)).buffer)]).toEqual([1, 2, 3, 4])
  })

  it('refuses in a rehearsal what a device refuses, and is ready for the next', async () => {
    const device = await open()
    const x = { buffer: device.memory.allocate(16, 'x'), byteOffset: 0, byteLength: 16 }
    await expect(device.prepare(() => device.upload(x, new Float32Array(3)))).rejects.toThrow('x takes 16 bytes')
    await device.prepare(rehearse(device))
    expect(Object.keys(device.tuning)).toHaveLength(1)
  })

  it('leaves a class alone that has been run, so that results do not change in the middle of a run', async () => {
    const device = await open()
    const before = await sum(device)
    expect(Object.values(device.tuning)).toEqual([programName(slow)])
    await device.prepare(rehearse(device))
    expect(Object.values(device.tuning)).toEqual([programName(slow)])
    expect(await sum(device)).toEqual(before)
  })

  it('strikes a program that does not compile, and harms nothing', async () => {
    variants = [broken, sized(64), slow]
    const device = await open()
    await device.prepare(rehearse(device))
    expect(device.programs.choices.struck).toEqual([programName(broken)])
    expect(Object.values(device.tuning)).not.toContain(programName(broken))
    expect(await sum(device)).toBeCloseTo(expected, 3)
    const next = await open()
    expect(next.programs.choices.struck).toEqual([programName(broken)])
    expect(next.programs.choices.choose('sum', params)).not.toBe(broken)
  })

  it('is one at a time, whoever calls', async () => {
    const heard: TuningProgress[] = []
    const device = await open({ onTuning: (progress) => heard.push(progress) })
    await Promise.all([device.prepare(rehearse(device)), device.prepare(rehearse(device))])
    expect(heard.map(({ done }) => done)).toEqual([0, 1])
  })

  it('ends with the sentence of a disposed device when that is what happens to it', async () => {
    const device = await open({ onTuning: () => device.dispose() })
    await expect(device.prepare(rehearse(device))).rejects.toThrow('webgpu: the device was disposed; open a new one')
    const lost = await open({ onTuning: () => lost.gpu.destroy() })
    await expect(lost.prepare(rehearse(lost))).rejects.toThrow(/^webgpu: the device was lost/)
    await expect(lost.prepare(rehearse(lost))).rejects.toThrow(/^webgpu: the device was lost/)
  })

  it('is over at once on the CPU engine', async () => {
    const device: Device = await openCpuDevice({ threads: 1 })
    let runs = 0
    await device.prepare(() => runs++)
    expect(runs).toBe(0)
    device.dispose()
  })
})

describe('choices', () => {
  it('are kept for the next time, and not made again', async () => {
    const first = await open()
    await first.prepare(rehearse(first))
    const heard: TuningProgress[] = []
    const second = await open({ onTuning: (progress) => heard.push(progress) })
    expect(second.tuning).toEqual(first.tuning)
    await second.prepare(rehearse(second))
    expect(heard).toEqual([])
    expect(await sum(second)).toEqual(await sum(first))
  })

  it('are made again when the file is damaged', async () => {
    const first = await open()
    await first.prepare(rehearse(first))
    const [file = ''] = await readdir(join(folder, 'peft-medaware'))
    const path = join(folder, 'peft-medaware', file)
    await writeFile(path, '{"choices":')
    const second = await open()
    expect(second.tuning).toEqual({})
    await second.prepare(rehearse(second))
    expect(JSON.parse(await readFile(path, 'utf8')).choices).toEqual(second.tuning)
  })

  it('that are given hold, without timing, and give the same bits', async () => {
    variants = [sized(16), sized(64)]
    const tuned = await open()
    await tuned.prepare(rehearse(tuned))
    const bits = await sum(tuned)
    const sums = new Set<number>()
    for (const text of [...variants, twinOf('sum')].map(programName)) {
      const given = Object.fromEntries(Object.keys(tuned.tuning).map((name) => [name, text]))
      const device = await open({ tuning: given })
      let rehearsals = 0
      await device.prepare(() => rehearsals++)
      expect(rehearsals).toBe(0)
      expect(programName(device.programs.choices.choose('sum', params))).toBe(text)
      expect(device.tuning).toEqual(given)
      sums.add(await sum(device))
      if (text === Object.values(tuned.tuning)[0]) expect(await sum(device)).toBe(bits)
    }
    expect(sums.size).toBeGreaterThan(1)
  })

  it('are best guesses where tuning is off, as it is on software adapters', async () => {
    for (const options of [{ tuning: 'off' } as const, { tuning: 'auto' } as const]) {
      const device = await open(options)
      if (options.tuning === 'auto' && !device.isSoftware) continue
      await device.prepare(() => expect.fail('nothing is to be rehearsed'))
      await sum(device)
      expect(Object.values(device.tuning)).toEqual([programName(slow)])
      await expect(readdir(join(folder, 'peft-medaware'))).rejects.toThrow('ENOENT')
    }
  })
})

describe('the self-test', () => {
  it('strikes a program that is wrong, says so, and remembers it', async () => {
    // It takes the factor for a slot to write to, so that out stays as it was.
    const wrong: Variant = { ...twinOf('sum'), text: 'sumSquares', constants: { LANES: 64 } }
    variants = [wrong, sized(64)]
    const options = { tuning: 'off', selfTest: true } as const
    const first = await openDevice({ device: 'webgpu', gpu: await testGpu(), webgpu: options })
    if (first.device instanceof WebGpuDevice) opened.push(first.device)
    expect(first.reason).toBe('WebGPU was asked for; without what fails here: sumSquares LANES=64')
    await open(options)
    expect(opened).toHaveLength(2)
    for (const one of opened) {
      expect(one.programs.choices.struck).toEqual([programName(wrong)])
      expect(await sum(one)).toBeCloseTo(expected, 3)
      expect(Object.values(one.tuning)).toEqual([programName(sized(64))])
    }
  })
})
