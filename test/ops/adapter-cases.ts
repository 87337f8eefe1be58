import type { Shape } from '../../src/core/shape.ts'
import { add } from '../../src/ops/add.ts'
import { addLinear } from '../../src/ops/linear.ts'
import { rescale } from '../../src/ops/magnitude/rescale.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'
import type { OpCase } from './gradient-check.ts'

seedDraws('adapter-cases')

const input = (shape: Shape) => ({
  shape,
  values: normals(shape.reduce((a, b) => a * b, 1)),
})
const part = <T>(parts: Readonly<Record<string, T>>, name: string): T => parts[name] as T

/** The third norm is 0, and the quotient by it. */
function rescaleCase(dim: number): OpCase {
  const norms = normals(dim).map((x, i) => (i === 2 ? 0 : 0.5 + Math.abs(x)))
  return {
    op: 'rescale',
    title: `rows of ${dim}, with bias`,
    inputs: { x: input([2, 3, dim]), magnitude: input([dim]), bias: input([dim]) },
    apply: (t, device) =>
      rescale(part(t, 'x'), part(t, 'magnitude'), fromArray(device, norms, [dim], 'norms'), part(t, 'bias')),
    reference: (v) =>
      part(v, 'x').map((x, i) => {
        const c = i % dim
        const factor = c === 2 ? 0 : at(part(v, 'magnitude'), c) / at(norms, c)
        return (x - at(part(v, 'bias'), c)) * factor + at(part(v, 'bias'), c)
      }),
  }
}

/** What adapters alone are made of. */
export const adapterCases: readonly OpCase[] = [
  {
    op: 'addLinear',
    title: 'with bias',
    inputs: { base: input([2, 3, 7]), x: input([2, 3, 4]), weight: input([7, 4]), bias: input([7]) },
    apply: (t: Readonly<Record<string, Tensor>>, device) => {
      const base = add(part(t, 'base'), zeros(device, [2, 3, 7], 'zeros'))
      return addLinear(base, part(t, 'x'), part(t, 'weight'), -1.5, part(t, 'bias'))
    },
    reference: (v) =>
      doubles(42, (e) => {
        const [row, c] = [Math.floor(e / 7), e % 7]
        const product = sumOf(4, (i) => at(part(v, 'x'), row * 4 + i) * at(part(v, 'weight'), c * 4 + i))
        return at(part(v, 'base'), e) - 1.5 * product + at(part(v, 'bias'), c)
      }),
  },
  ...[5, 19].map(rescaleCase),
]
