import { relu, sigmoid, tanh } from '../../src/ops/activations/activations.ts'
import { lstm } from '../../src/ops/lstm.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'
import type { OpCase } from './gradient-check.ts'

seedDraws('network-cases')

const part = <T>(parts: Readonly<Record<string, T>>, name: string): T => parts[name] as T
const input = (rows: number, columns: number) => ({ shape: [rows, columns], values: normals(rows * columns) })

/** torch's LSTM, step by step (its documentation, torch.nn.LSTM). */
function lstmOf(gates: Float64Array, weight: Float64Array, hidden: number, isReverse: boolean): Float64Array {
  const steps = gates.length / (4 * hidden)
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
  const out = new Float64Array(steps * hidden)
  let h = doubles(hidden, () => 0)
  let c = h
  for (let step = 0; step < steps; step++) {
    const row = isReverse ? steps - 1 - step : step
    const z = doubles(4 * hidden, (k) => {
      return at(gates, row * 4 * hidden + k) + sumOf(hidden, (i) => at(weight, k * hidden + i) * at(h, i))
    })
    const gate = (k: number, unit: number) => at(z, k * hidden + unit)
    const before = c
    c = doubles(hidden, (unit) => {
      return sigmoid(gate(1, unit)) * at(before, unit) + sigmoid(gate(0, unit)) * Math.tanh(gate(2, unit))
    })
    h = doubles(hidden, (unit) => sigmoid(gate(3, unit)) * Math.tanh(at(c, unit)))
    out.set(h, row * hidden)
  }
  return out
}

/** What small networks of one's own are made of. */
export const networkCases: readonly OpCase[] = [
  ...(
    [
      [relu, (x) => Math.max(x, 0)],
      [sigmoid, (x) => 1 / (1 + Math.exp(-x))],
      [tanh, Math.tanh],
    ] as const satisfies readonly (readonly [(x: Tensor) => Tensor, (x: number) => number])[]
  ).map(([apply, of]): OpCase => {
    // No differences across the corner of max(x, 0).
    const x = { shape: [3, 9], values: Float32Array.from({ length: 27 }, (_, i) => (i - 13) * 0.31 + 0.15) }
    return {
      ...{ op: apply.name, title: 'both tails', inputs: { x } },
      apply: (t) => apply(part(t, 'x')),
      reference: (v) => part(v, 'x').map(of),
    }
  }),
  ...[false, true].map((isReverse): OpCase => {
    const hidden = 5
    return {
      ...{ op: 'lstm', title: isReverse ? 'from the last row on' : 'from the first row on' },
      inputs: { gates: input(4, 4 * hidden), weight: input(4 * hidden, hidden) },
      apply: (t) => lstm(part(t, 'gates'), part(t, 'weight'), isReverse),
      reference: (v) => lstmOf(part(v, 'gates'), part(v, 'weight'), hidden, isReverse),
    }
  }),
]
