import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CpuBuild, type CpuDevice, openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { kernels } from '../../../src/device/register/kernels.ts'
import { formulaCases, rowCallCases } from '../cases/index.ts'
import { type Numbers, runCase } from '../kernel-case.ts'

const cases = [...formulaCases, ...(await rowCallCases())]

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers) => new Uint8Array(buffer, byteOffset, byteLength)

/** Holds every kernel of a build on one thread against several that take shares of odd sizes. */
export function testShares(build: CpuBuild): void {
  describe(`the build ${build} gives the same bits however its work is cut`, () => {
    let whole: CpuDevice
    let cut: readonly CpuDevice[]
    beforeAll(async () => {
      whole = await openCpuDevice({ build, threads: 1 })
      const cuts = [
        { threads: 2, shareItems: 1 },
        { threads: 2, shareItems: 7 },
        { threads: 5, shareItems: 3 },
      ]
      cut = await Promise.all(cuts.map((each) => openCpuDevice({ build, ...each })))
    })
    afterAll(() => {
      for (const device of [whole, ...cut]) device.dispose()
    })

    it.each(Object.keys(kernels))('%s', async (kernel) => {
      const own = cases.filter((one) => one.kernel === kernel)
      expect(own.length).toBeGreaterThan(0)
      for (const one of own) {
        const expected = await runCase(whole, one)
        for (const device of cut) {
          const written = await runCase(device, one)
          for (const [name, numbers] of Object.entries(expected)) {
            const isSame = Buffer.compare(bytesOf(numbers), bytesOf(written[name] ?? new Uint8Array())) === 0
            expect(isSame, `${one.title}: ${name} on ${device.description}`).toBe(true)
          }
        }
      }
    })
  })
}
