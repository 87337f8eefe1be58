import { record } from '../../autograd/record.ts'
import type { Rule } from '../../autograd/tape.ts'
import { check } from '../../core/errors.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'

/**
 * silu(gate) · up, silu(x) = x / (1 + e^-x) (arXiv 2002.05202). f32, of equal shapes.
 * @throws MedAwareError `shape`.
 */
export function swiGlu(gate: Tensor, up: Tensor): Tensor {
  const { out, rule } = gated('swiGlu', gate, up)
  return record(out, [gate, up], rule, { reads: [gate, up] })
}

/**
 * gelu(gate) · up (arXiv 2002.05202), gelu by its tanh approximation, torch's `gelu(approximate='tanh')`. f32, of equal
 * shapes.
 * @throws MedAwareError `shape`.
 */
export function geGlu(gate: Tensor, up: Tensor): Tensor {
  const { out, rule } = gated('geGlu', gate, up)
  return record(out, [gate, up], rule, { reads: [gate, up] })
}

/** f(gate) · up, and the way back. */
function gated(name: 'swiGlu' | 'geGlu', gate: Tensor, up: Tensor): { readonly out: Tensor; readonly rule: Rule } {
  check(
    sameShape(gate.shape, up.shape),
    'shape',
    () => `${name}: shapes differ, gate ${showShape(gate.shape)} vs up ${showShape(up.shape)}`,
  )
  const { device, count } = gate
  const out = empty(device, gate.shape, name)
  device.run(name, { gate, up, out }, { count })
  const rule = (dOut: Tensor) => {
    const [dGate, dUp] = [empty(device, gate.shape, `${name} dGate`), empty(device, up.shape, `${name} dUp`)]
    device.run(`${name}Backward`, { dOut, gate, up, dGate, dUp }, { count })
    return [dGate, dUp]
  }
  return { out, rule }
}
