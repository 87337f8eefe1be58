import { afterAll, describe, expect, it } from 'vitest'
import { AdamW8bit, type AdamW8bitOptions } from '../../src/optim/adamw-8bit.ts'
import { AdamW } from '../../src/optim/adamw.ts'
import { dynamicMap } from '../../src/quant/dynamic-map.ts'
import { packedZeros } from '../../src/tensor/packed.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { testDevices } from '../device/devices.ts'
import { limitAllocations } from '../device/limit-allocations.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'
import { openFixture } from '../fixtures/open-fixture.ts'

seedDraws('adamw-8bit')

const fixture = await openFixture('adamw-8bit.safetensors')
const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))
const names = ['p0', 'p1', 'p2'] as const
const shapes = names.map((name) => [...fixture.info(`start.${name}`).shape])
const bytesOf = async (name: string) => (await fixture.read(name)) as Uint8Array
const sixtyFourths = async (name: string) => Float32Array.from(await bytesOf(name), (byte) => (byte - 128) / 64)

/** What codes and scales of blocks stand for. */
const decode = (codes: Uint8Array, scale: (block: number) => number, isSigned: boolean) => {
  const map = dynamicMap(isSigned)
  return Float32Array.from(codes, (code, i) => (map[code] ?? NaN) * scale(Math.floor(i / 256)))
}
const largestOff = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0)

describe.each(devices)('AdamW8bit on $description', (device) => {
  const { memory } = device
  const apart = (all: readonly number[][]) => all.map((shape) => zeros(device, shape, 'parameter'))
  const sideBySide = (all: readonly number[][]) => packedZeros(device, all, 'parameters')

  const offBy = async (parameter: Tensor, name: string) => {
    const [ours, wanted] = [await parameter.read(), await fixture.readF32(name)]
    return [...ours].map((value, i) => Math.abs(value - (wanted[i] ?? NaN)))
  }

  it.each([
    ['apart', apart],
    ['side by side', sideBySide],
  ])('takes ten steps as bitsandbytes does: %s', async (_, make) => {
    const before = memory.liveBytes
    const scope = memory.open()
    const parameters = make(shapes)
    for (const [i, parameter] of parameters.entries()) parameter.write(await sixtyFourths(`start.${names[i] ?? ''}`))
    const options = { betas: [0.8, 0.95], weightDecay: 0.1, noDecay: new Set(parameters.slice(2)) } as const
    const optimizer = new AdamW8bit(parameters, options)
    for (const [step, norm] of (await fixture.readF32('norms')).entries()) {
      const entries = parameters.map(async (parameter, i) => {
        const values = await sixtyFourths(`grad.${step}.${names[i] ?? ''}`)
        return [parameter, fromArray(device, values, parameter.shape, 'grad')] as const
      })
      const clip = optimizer.step(new Map(await Promise.all(entries)), 0.05 / (step + 1), 2)
      expect((await clip.read())[1]).toBeCloseTo(norm, 3)
    }
    const stateOf = (parameter: Tensor, name: string) =>
      optimizer.state().find((each) => each.parameter === parameter && each.name === name)?.tensor
    for (const [i, parameter] of parameters.entries()) {
      const name = names[i] ?? ''
      // A moment next to a midpoint may have the neighbour's code, as the norm is summed in another order.
      const off = await offBy(parameter, `after.${name}`)
      expect(off.filter((each) => each > 5e-7).length).toBeLessThanOrEqual(2)
      expect(Math.max(...off)).toBeLessThan(1e-4)
      for (const [at, moment] of (['m', 'v'] as const).entries()) {
        const kept = stateOf(parameter, moment)
        const state = `state${at + 1}.${name}`
        expect(kept?.dtype).toBe(i < 2 ? 'u8' : 'f32')
        if (i === 2) {
          expect(largestOff((await kept?.read()) ?? [], await fixture.readF32(state))).toBeLessThan(1e-7)
          continue
        }
        const [ours, theirs] = [(await kept?.readBytes()) ?? new Uint8Array(), await bytesOf(state)]
        expect(ours.length).toBe(theirs.length)
        const scales = (await stateOf(parameter, 'scales')?.read()) ?? new Float32Array()
        const absmax = await fixture.readF32(`absmax${at + 1}.${name}`)
        expect(
          largestOff(
            absmax,
            absmax.map((_, block) => scales[2 * block + at] ?? NaN),
          ),
        ).toBeLessThan(1e-6)
        const others = ours.filter((code, j) => code !== theirs[j]).length
        expect(others / ours.length).toBeLessThan(0.001)
        const values = decode(ours, (block) => scales[2 * block + at] ?? NaN, at === 0)
        const wanted = decode(theirs, (block) => absmax[block] ?? NaN, at === 0)
        expect(largestOff(values, wanted)).toBeLessThan(Math.max(...absmax) / 32)
      }
    }
    // Its compiled code for CPUs takes codes that are not the nearest.
    const native = await fixture.readF32('native.p0')
    expect(largestOff((await parameters[0]?.read()) ?? [], native)).toBeLessThan(2e-3)
    scope.close()
    optimizer.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('keeps 2 bytes and 1/32 of one for each element, where AdamW keeps 8', () => {
    const scope = memory.open()
    const all = sideBySide([
      [128, 64],
      [64, 128],
      [256, 64],
    ])
    const bytesKept = (make: () => AdamW | AdamW8bit) => {
      const before = memory.liveBytes
      const optimizer = make()
      const bytes = memory.liveBytes - before
      optimizer.dispose()
      return bytes
    }
    const count = all.reduce((sum, each) => sum + each.count, 0)
    expect(bytesKept(() => new AdamW(all))).toBe(8 * count)
    expect(bytesKept(() => new AdamW8bit(all))).toBe(2 * count + count / 32 + 2048)
    scope.close()
  })

  it('goes over parameters of whole blocks with one kernel, and over others one by one, to the same bits', async () => {
    const scope = memory.open()
    const run = device.run.bind(device)
    const many = [[16, 256], [4096], [4100], [64, 80]]
    const [starts, grads] = [many, many].map((all) => all.map(([n = 1, m = 1]) => normals(n * m)))
    const results: Float32Array[][] = []
    for (const make of [apart, sideBySide]) {
      const all = make(many)
      all.forEach((parameter, i) => parameter.write(starts?.[i] ?? new Float32Array()))
      const optimizer = new AdamW8bit(all)
      const ran: string[] = []
      device.run = (name, ...rest) => {
        ran.push(name)
        run(name, ...rest)
      }
      for (let step = 0; step < 3; step++) {
        const given = all.map((each, i) => fromArray(device, grads?.[i] ?? new Float32Array(), each.shape, 'grad'))
        optimizer.step(new Map(all.map((each, i) => [each, given[i] ?? each])), 0.01)
      }
      device.run = run
      expect(ran.filter((name) => name === 'adamw8bit')).toHaveLength(3 * (make === apart ? 4 : 2))
      results.push(await Promise.all(all.map((each) => each.read())))
      optimizer.dispose()
    }
    expect(results[1]).toEqual(results[0])
    scope.close()
  })

  it('changes nothing where a gradient is not finite, and leaves no byte where there is no room', async () => {
    const scope = memory.open()
    const parameter = fromArray(device, normals(5000), [5000], 'parameter')
    const before = await parameter.read()
    const optimizer = new AdamW8bit([parameter])
    const grad = fromArray(device, normals(5000).fill(NaN, 7, 8), [5000], 'grad')
    const clip = optimizer.step(new Map([[parameter, grad]]), 0.1, 1)
    expect((await clip.read())[0]).toBe(0)
    expect(await parameter.read()).toEqual(before)
    for (const { tensor } of optimizer.state())
      expect((await tensor.readBytes()).every((byte) => byte === 0)).toBe(true)
    optimizer.dispose()
    const live = memory.liveBytes
    for (const room of [0, 1, 2, 3]) {
      const limit = limitAllocations(device, room)
      expect(() => new AdamW8bit([parameter])).toThrow(expect.objectContaining({ code: 'memory' }))
      limit.lift()
      expect(memory.liveBytes).toBe(live)
    }
    expect(() => new AdamW8bit([parameter], { min8BitSize: 1 } as AdamW8bitOptions)).toThrow(
      'AdamW8bit: there is no option "min8BitSize"; did you mean min8bitSize?',
    )
    scope.close()
  })
})
