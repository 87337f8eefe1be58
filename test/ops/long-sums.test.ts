import { afterAll, describe, expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { matmul } from '../../src/ops/matmul.ts'
import { empty, fromArray } from '../../src/tensor/tensor.ts'
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

  it('of softmax are such that shares of a row are 1 together', async () => {
    const random = new Random(6)
    const rows = 2
    const scope = device.memory.open()
    const values = Float32Array.from({ length: rows * k }, (_, i) => (i % k === 0 ? 0 : 2 * random.normal() - 16))
    const logits = fromArray(device, values, [rows, k], 'logits')
    const labels = fromArray(device, Int32Array.of(1, 2), [rows, 1], 'labels')
    const params = { rows, vocab: k, writeGrad: 1, gradScale: 1, smoothing: 0 }
    device.run('crossEntropy', { labels, logits, losses: empty(device, [rows, 1], 'losses') }, params)
    const gradient = await logits.read()
    scope.close()
    for (let row = 0; row < rows; row++) {
      // Shares less the label's 1.
      const off = gradient.subarray(row * k, (row + 1) * k).reduce((sum, share) => sum + share, 0)
      expect(Math.abs(off)).toBeLessThan(1e-6)
    }
  })
})
