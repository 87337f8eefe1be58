import { fromArray, type Device, openDevice, Random } from 'peft-medaware'
import { linear } from 'peft-medaware/ops'

/** One engine's turn. */
export interface EngineTime {
  readonly kind: 'cpu' | 'webgpu'
  readonly description: string
  /** Why this engine, or how it runs. */
  readonly reason: string
  /** Median time of a product, in seconds. */
  readonly seconds: number
  /** Operations a second, in thousands of millions: two for each multiply-add. */
  readonly gflops: number
  /** Largest difference from sums in double precision, over the elements that were looked at. */
  readonly difference: number
  readonly out: Float32Array
}

/** Products timed; the first few find programs and memory, and do not count. */
const [warm, timed] = [3, 9]
/** Elements that are summed in double precision. */
const looked = 512

/**
 * Times x Wᵀ of two random [n, n] matrices on an engine, and holds the result against sums in double precision. Frees
 * the engine. Throws what `openDevice` throws where there is no such engine.
 */
export async function timeProducts(engine: 'cpu' | 'webgpu', n: number): Promise<EngineTime> {
  const { device, reason } = await openDevice({ device: engine })
  try {
    const random = new Random(1)
    const [left, right] = [normal(random, n * n), normal(random, n * n)]
    const x = fromArray(device, left, [n, n])
    const weight = fromArray(device, right, [n, n])
    const multiply = () => device.memory.scoped((scope) => scope.keep(linear(x, weight)))
    const times: number[] = []
    await device.prepare(() => multiply().dispose())
    for (let run = 0; run < warm + timed; run++) {
      const seconds = await timeOf(device, multiply)
      if (run >= warm) times.push(seconds)
    }
    const seconds = times.sort((a, b) => a - b)[timed >> 1] ?? NaN
    const out = await multiply().read()
    const difference = largestDifference(out, left, right, n)
    return {
      kind: device.kind,
      description: device.description,
      reason,
      seconds,
      gflops: (2 * n ** 3) / seconds / 1e9,
      difference,
      out,
    }
  } finally {
    device.dispose()
  }
}

const normal = (random: Random, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.normal())

/** From the call until the device has done it. */
async function timeOf(device: Device, multiply: () => { dispose(): void }): Promise<number> {
  const begin = performance.now()
  const out = multiply()
  await device.settle()
  const seconds = (performance.now() - begin) / 1000
  out.dispose()
  return seconds
}

/** Of elements all over the result from their sums in double precision. */
function largestDifference(out: Float32Array, left: Float32Array, right: Float32Array, n: number): number {
  const random = new Random(2)
  let largest = 0
  for (let i = 0; i < looked; i++) {
    const [row, column] = [random.below(n), random.below(n)]
    let sum = 0
    for (let k = 0; k < n; k++) sum += (left[row * n + k] ?? 0) * (right[column * n + k] ?? 0)
    largest = Math.max(largest, Math.abs((out[row * n + column] ?? NaN) - sum))
  }
  return largest
}

/** The largest difference between two results. */
export const apart = (a: Float32Array, b: Float32Array): number =>
  a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? NaN))), 0)
