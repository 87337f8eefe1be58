import { afterAll, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/index.ts'
import { add, linear, mean, mul } from '../../src/ops/index.ts'
import { AdamW, Lion, type Optimizer, schedule } from '../../src/optim/index.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'

seedDraws('linear-regression')

const device = await openTestCpu()
afterAll(() => device.dispose())

it.each<[string, number, (parameters: readonly Tensor[]) => Optimizer]>([
  ['AdamW', 0.2, (parameters) => new AdamW(parameters)],
  ['Lion', 0.1, (parameters) => new Lion(parameters)],
])('%s and a schedule of one’s own find a line, without a model or a run', async (_, peak, make) => {
  const wanted = Float32Array.of(1.5, -2, 0.5)
  const rows = normals(64 * 3)
  const values = Float32Array.from({ length: 64 }, (_, row) => {
    return wanted.reduce((sum, slope, at) => sum + slope * (rows[3 * row + at] ?? NaN), 0)
  })
  const inputs = fromArray(device, rows, [64, 3], 'inputs')
  const minus = fromArray(
    device,
    values.map((value) => -value),
    [64, 1],
    'minus targets',
  )
  const slopes = zeros(device, [1, 3], 'slopes')
  slopes.requiresGrad = true
  const optimizer = make([slopes])
  const factorAt = schedule((step, steps) => (1 - step / steps) ** 2, 200)
  const lossOf = valueAndGrad({ trainableParameters: () => [slopes] }, () => {
    const error = add(linear(inputs, slopes), minus)
    return mean(mul(error, error))
  })
  const losses: number[] = []
  while (optimizer.steps < 200) {
    const scope = device.memory.open()
    const { loss, grads } = lossOf(undefined)
    optimizer.step(grads, peak * factorAt(optimizer.steps), 10)
    losses.push(await loss.item())
    scope.close()
  }
  expect(losses[0]).toBeGreaterThan(1)
  expect(losses.at(-1)).toBeLessThan(1e-4)
  for (const [at, slope] of (await slopes.read()).entries()) expect(slope).toBeCloseTo(wanted[at] ?? NaN, 2)
  optimizer.dispose()
  for (const tensor of [inputs, minus, slopes]) tensor.dispose()
})
