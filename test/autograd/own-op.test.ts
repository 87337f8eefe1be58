import { fromArray, openDevice, type Tensor } from 'peft-medaware'
import { noGrad, record, valueAndGrad } from 'peft-medaware/autograd'
import { add, mul, sum } from 'peft-medaware/ops'
import { expect, it } from 'vitest'

// What a stranger writes with the entries alone.

/** Gradient reversal (arXiv 1409.7495): x as it is, whose gradient comes back with its sign changed, times lambda. */
function reverseGradient(x: Tensor, lambda: number): Tensor {
  const out = noGrad(() => mul(x, 1))
  return record(out, [x], (dOut) => [mul(dOut, -lambda)])
}

/** x³, whose rule reads x and keeps x² for itself. */
function cube(x: Tensor): Tensor {
  const [square, out] = noGrad(() => {
    const square = mul(x, x)
    return [square, mul(square, x)]
  })
  return record(out, [x], (dOut) => [mul(mul(dOut, square), 3)], { saved: [square] })
}

it('an op of one’s own, made by record, takes and gives gradients among those of the library', async () => {
  const { device } = await openDevice({ device: 'cpu' })
  const x = fromArray(device, Float32Array.of(1, -2, 3), [3])
  x.requiresGrad = true
  const before = device.memory.liveBytes
  const { loss, grads } = valueAndGrad({ trainableParameters: () => [x] }, () => {
    return sum(add(cube(reverseGradient(mul(x, 2), 0.5)), x))
  })(null)
  // Σ (2x)³ + x; its gradient is -0.5 · 2 · 3 (2x)² + 1 for the reversed way.
  expect(await loss.item()).toBe(8 * (1 - 8 + 27) + 2)
  const gradient = grads.get(x)
  expect(await gradient?.read()).toEqual(Float32Array.of(-12 + 1, -48 + 1, -108 + 1))
  for (const made of [loss, ...grads.values()]) made.dispose()
  expect(device.memory.liveBytes).toBe(before)
  // Without a tape nothing is kept but the result.
  cube(x).dispose()
  expect(device.memory.liveBytes).toBe(before)
  device.dispose()
})
