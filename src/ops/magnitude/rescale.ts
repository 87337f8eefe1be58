import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'

/**
 * Gives each column's values but their bias another length: y = (x - bias) · magnitude / norms + bias, where a quotient
 * by 0 is 0. It is DoRA's (arXiv 2402.09353, section 4.3): norms are constants to the gradient.
 * x f32 [..., c]; magnitude, norms f32 [c]; bias f32 [c] or null; y f32 [..., c].
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function rescale(x: Tensor, magnitude: Tensor, norms: Tensor, bias: Tensor | null = null): Tensor {
  const { device, rows, columns: dim } = x
  for (const [name, tensor] of Object.entries({ magnitude, norms, bias })) {
    check(tensor === null || tensor.count === dim, 'shape', () => {
      return `rescale: ${name} ${showShape(tensor?.shape ?? [])} does not fit ${dim} columns`
    })
  }
  const out = empty(device, x.shape, 'rescale')
  const hasBias = +(bias !== null)
  device.run('rescale', { x, magnitude, norms, bias, out }, { rows, dim, hasBias })
  return record(
    out,
    [x, magnitude, bias],
    (dOut, [, , needsBias]) => {
      const [dX, dMagnitude] = [empty(device, x.shape, 'rescale dX'), empty(device, magnitude.shape, 'dMagnitude')]
      const bindings = { dOut, x, magnitude, norms, bias, dX, dMagnitude }
      device.run('rescaleBackward', bindings, { rows, dim, hasBias, accumulate: 0 })
      return [dX, dMagnitude, needsBias ? lessRows(dOut, dX) : null]
    },
    { reads: [x, magnitude, norms, bias] },
  )
}

/** Column sums of a less those of b, without history. */
function lessRows(a: Tensor, b: Tensor): Tensor {
  const { device, rows, columns: dim } = a
  const [ofA, ofB, out] = [empty(device, [dim], 'sums'), empty(device, [dim], 'sums'), empty(device, [dim], 'dBias')]
  device.run('sumRows', { x: a, out: ofA }, { rows, dim, accumulate: 0 })
  device.run('sumRows', { x: b, out: ofB }, { rows, dim, accumulate: 0 })
  device.run('add', { a: ofA, b: ofB, out }, { count: dim, alpha: -1 })
  ofA.dispose()
  ofB.dispose()
  return out
}
