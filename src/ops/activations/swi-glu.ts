import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'

/**
 * silu(gate) · up, silu(x) = x / (1 + e^-x) (arXiv 2002.05202). f32, of equal shapes.
 * @throws MedAwareError `shape`.
 */
export function swiGlu(gate: Tensor, up: Tensor): Tensor {
  check(
    sameShape(gate.shape, up.shape),
    'shape',
    () => `swiGlu: shapes differ, gate ${showShape(gate.shape)} vs up ${showShape(up.shape)}`,
  )
  const { device, count } = gate
  const out = empty(device, gate.shape, 'swiglu')
  device.run('swiGlu', { gate, up, out }, { count })
  const rule = (dOut: Tensor) => {
    const [dGate, dUp] = [empty(device, gate.shape, 'swiglu dGate'), empty(device, up.shape, 'swiglu dUp')]
    device.run('swiGluBackward', { dOut, gate, up, dGate, dUp }, { count })
    return [dGate, dUp]
  }
  return record(out, [gate, up], rule, { reads: [gate, up] })
}
