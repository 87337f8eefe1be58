import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRelaxedSimd, openCpuDevice } from '../../src/device/cpu.ts'
import type { Device } from '../../src/device/device.ts'
import { kernels } from '../../src/device/kernels.ts'
import { attentionCases } from './cases/attention.ts'
import { elementwiseCases } from './cases/elementwise.ts'
import { fourBitCases } from './cases/four-bit.ts'
import { matmulCases } from './cases/matmul.ts'
import { rowCases } from './cases/rows.ts'
import { testDevices } from './devices.ts'
import { expectCase, runCase } from './kernel-case.ts'

const cases = [...matmulCases, ...fourBitCases, ...attentionCases, ...elementwiseCases, ...rowCases]

let devices: Device[]
beforeAll(async () => {
  devices = await testDevices()
})
afterAll(() => devices.forEach((device) => device.dispose()))

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
    for (const relaxedSimd of hasRelaxedSimd() ? [false, true] : [false]) {
      for (const lanes of [2, 3]) {
        const [whole, cut] = [await openCpuDevice({ relaxedSimd }), await openCpuDevice({ relaxedSimd, lanes })]
        for (const one of own) expect(await runCase(cut, one)).toEqual(await runCase(whole, one))
        whole.dispose()
        cut.dispose()
      }
    }
  })
})
