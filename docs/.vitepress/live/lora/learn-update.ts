import { fromArray, Random, type Device, type Tensor } from 'peft-medaware'
import { valueAndGrad } from 'peft-medaware/autograd'
import { add, linear, mean, mul } from 'peft-medaware/ops'
import { AdamW } from 'peft-medaware/optim'

/** Inputs and outputs of the layer whose update is learned. */
export const side = 24

/** The singular values of the update that is to be learned. */
export const wanted = [4, 3, 2, 1, 0.5, 0.25]

/** A matrix [side, side] with the singular values `wanted`, between random directions at right angles. */
export function updateToLearn(seed: number): Float32Array {
  const random = new Random(seed)
  const [left, right] = [directions(random), directions(random)]
  return Float32Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side]
    return wanted.reduce((sum, s, k) => sum + s * (left[k]?.[row] ?? 0) * (right[k]?.[column] ?? 0), 0)
  })
}

/** As many random unit vectors at right angles (Gram & Schmidt). */
function directions(random: Random): number[][] {
  const found: number[][] = []
  while (found.length < wanted.length) {
    let vector = Array.from({ length: side }, () => random.normal())
    for (const other of found) {
      const along = vector.reduce((sum, x, i) => sum + x * (other[i] ?? 0), 0)
      vector = vector.map((x, i) => x - along * (other[i] ?? 0))
    }
    const length = Math.hypot(...vector)
    found.push(vector.map((x) => x / length))
  }
  return found
}

/** Where the learning is. */
export interface LearnReport {
  readonly step: number
  /** Mean squared difference of B A from the update. */
  readonly loss: number
  /** B A by rows, [side, side]. */
  readonly product: Float32Array
}

/**
 * Learns `update` as B A of rank `r` by AdamW, with the ops that train a model: the inputs are the unit vectors, so that
 * the outputs are B A itself. A begins random and B at 0, as PEFT's. Reports every 10 steps.
 */
export async function* learnUpdate(
  device: Device,
  update: Float32Array,
  { r, steps }: { r: number; steps: number },
): AsyncGenerator<LearnReport> {
  const random = new Random(7)
  const uniform = (count: number) =>
    Float32Array.from({ length: count }, () => (2 * random.uniform() - 1) / Math.sqrt(side))
  const scope = device.memory.open()
  const a = fromArray(device, uniform(r * side), [r, side])
  const b = fromArray(device, new Float32Array(side * r), [side, r])
  const unit = fromArray(
    device,
    Float32Array.from({ length: side * side }, (_, i) => +(i % (side + 1) === 0)),
    [side, side],
  )
  // Rows of the outputs are columns of B A.
  const target = fromArray(
    device,
    Float32Array.from(update, (_, i) => -(update[(i % side) * side + Math.floor(i / side)] ?? 0)),
    [side, side],
  )
  const parameters = [a, b]
  for (const each of parameters) each.requiresGrad = true
  const optimizer = new AdamW(parameters)
  const outputs = (): Tensor => linear(linear(unit, a), b)
  const step = valueAndGrad({ trainableParameters: () => parameters }, () => {
    const difference = add(outputs(), target)
    return mean(mul(difference, difference))
  })
  try {
    for (let done = 0; done <= steps; done++) {
      const inner = device.memory.open()
      try {
        const { loss, grads } = step(null)
        if (done % 10 === 0) yield { step: done, loss: await loss.item(), product: transposed(await outputs().read()) }
        // The rate falls to 0, so that the end is not a walk around the minimum.
        optimizer.step(grads, 0.05 * (1 - done / (steps + 1)))
      } finally {
        inner.close()
      }
      if (done % 10 === 0) await device.settle()
    }
  } finally {
    optimizer.dispose()
    scope.close()
  }
}

const transposed = (values: Float32Array): Float32Array =>
  values.map((_, i) => values[(i % side) * side + Math.floor(i / side)] ?? 0)

/** The least mean squared difference that rank `r` can reach (Eckart & Young 1936): the values that it leaves out. */
export const leastLoss = (r: number): number => wanted.slice(r).reduce((sum, s) => sum + s * s, 0) / (side * side)
