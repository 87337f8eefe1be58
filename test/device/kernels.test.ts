import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CpuBuild, cpuBuilds, openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import { kernels } from '../../src/device/register/kernels.ts'
import { formulaCases, rowCallCases } from './cases/index.ts'
import { testDevices } from './devices.ts'
import { expectCase, runCase } from './kernel-case.ts'

const cases = [...formulaCases, ...(await rowCallCases())]

/** One thread beside several that take shares of odd sizes. */
async function openCutDevices(build: CpuBuild): Promise<CutDevices> {
  const whole = await openCpuDevice({ build, threads: 1 })
  const cuts = [
    { threads: 2, shareItems: 1 },
    { threads: 2, shareItems: 7 },
    { threads: 5, shareItems: 3 },
  ]
  return { whole, cut: await Promise.all(cuts.map((cut) => openCpuDevice({ build, ...cut }))) }
}

interface CutDevices {
  readonly whole: Device
  readonly cut: readonly Device[]
}

let devices: Device[]
let cutDevices: CutDevices[]
beforeAll(async () => {
  devices = await testDevices()
  cutDevices = await Promise.all(cpuBuilds().map(openCutDevices))
})
afterAll(() => {
  for (const device of [...devices, ...cutDevices.flatMap(({ whole, cut }) => [whole, ...cut])]) device.dispose()
})

it('there is a case for every row of the register', () => {
  expect(new Set(cases.map(({ kernel }) => kernel))).toEqual(new Set(Object.keys(kernels)))
})

describe.each(Object.keys(kernels))('%s', (kernel) => {
  const own = cases.filter((one) => one.kernel === kernel)

  it.each(own)('is right on every device: $title', async (one) => {
    for (const device of devices) {
      const written = await runCase(device, one)
      expectCase(one, written, device)
    }
  })

  it('gives the same bits on the CPU however its work is cut', async () => {
    for (const { whole, cut } of cutDevices) {
      for (const one of own) {
        const expected = await runCase(whole, one)
        for (const device of cut) expect(await runCase(device, one), device.description).toEqual(expected)
      }
    }
  })
})
