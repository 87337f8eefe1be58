import { afterAll, describe, expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { matmul } from '../../src/ops/matmul.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

/** As of a head's gradient: as many terms as a vocabulary has tokens, here of one sign, so that sums become large. */
const [m, n, k] = [4, 8, 49_152]

describe.each(devices)('sums of many terms on $description', (device) => {
  it.each([false, true])('are within 1e-6 of their size, a transposed: %s', async (transA) => {
    const random = new Random(5)
    const a = Float32Array.from({ length: m * k }, () => random.uniform())
    const b = Float32Array.from({ length: k * n }, () => random.uniform())
    const scope = device.memory.open()
    const x = fromArray(device, a, transA ? [k, m] : [m, k], 'a')
    const got = await matmul(x, fromArray(device, b, [k, n], 'b'), { transA }).read()
    scope.close()
    let most = 0
    for (const [e, value] of got.entries()) {
      const [i, j] = [Math.floor(e / n), e % n]
      let sum = 0
      for (let p = 0; p < k; p++) sum += (a[transA ? p * m + i : i * k + p] ?? NaN) * (b[p * n + j] ?? NaN)
      most = Math.max(most, Math.abs(value / sum - 1))
    }
    expect(most).toBeLessThan(1e-6)
  })
})
