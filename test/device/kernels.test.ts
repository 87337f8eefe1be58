import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import { kernels } from '../../src/device/register/kernels.ts'
import { formulaCases, rowCallCases } from './cases/index.ts'
import { testDevices } from './devices.ts'
import { expectCase, runCase } from './kernel-case.ts'

const cases = [...formulaCases, ...(await rowCallCases())]

let devices: Device[]
beforeAll(async () => {
  devices = await testDevices()
})
afterAll(() => {
  for (const device of devices) device.dispose()
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
})
