import { afterAll, describe, expect, it } from 'vitest'
import { DryDevice } from '../../src/device/dry-device.ts'
import { mul } from '../../src/ops/mul.ts'
import { Kept } from '../../src/tensor/kept.ts'
import { copyOf, fromArray, rowsOf } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'

describe.each(await testEngines())('a kept tensor on $description', (device) => {
  afterAll(() => device.dispose())
  const numbers = (...values: number[]) => fromArray(device, Float32Array.from(values), [values.length])

  it('is made anew after each way of writing what it is made of, and only then', async () => {
    const kept = new Kept()
    let made = 0
    const [x, other] = [numbers(1, 2), numbers(5, 6)]
    const twice = (of = x) =>
      kept.get([of], () => {
        made++
        return mul(of, 2)
      })
    const first = device.memory.scoped(() => twice())
    expect(device.memory.scoped(() => twice())).toBe(first)
    expect(made).toBe(1)
    x.write(Float32Array.of(3, 4))
    expect(await twice().read()).toEqual(Float32Array.of(6, 8))
    expect(device.memory.isLive(first.buffer)).toBe(false)
    device.copy(other, x)
    expect(await twice().read()).toEqual(Float32Array.of(10, 12))
    device.run('fill', { out: rowsOf(x, 0, 1) }, { count: 2, value: 7 })
    expect(await twice().read()).toEqual(Float32Array.of(14, 14))
    expect(await twice(other).read()).toEqual(Float32Array.of(10, 12))
    // To be read is not to be written.
    copyOf(other, 'copy')
    mul(other, other)
    await other.read()
    twice(other)
    expect(made).toBe(5)
    kept.free()
    expect(await twice(other).read()).toEqual(Float32Array.of(10, 12))
    expect(made).toBe(6)
    kept.free()
  })

  it('is not taken from a rehearsal', async () => {
    const kept = new Kept()
    const x = numbers(1, 2)
    const twice = () => kept.get([x], () => mul(x, 2))
    await device.prepare(() => {
      twice()
    })
    expect(await twice().read()).toEqual(Float32Array.of(2, 4))
    kept.free()
  })
})

it('is made anew each time where nothing is computed', () => {
  const device = new DryDevice('cpu')
  const kept = new Kept()
  const x = fromArray(device, Float32Array.of(1), [1])
  expect(kept.get([x], () => mul(x, 2))).not.toBe(kept.get([x], () => mul(x, 2)))
  expect(device.memory.liveBuffers).toBe(2)
})
