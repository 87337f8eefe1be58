import { perElement } from './cut.ts'
import { perCount } from './kernel-call.ts'
import { byFour, kernel } from './kernel-row.ts'

/** A gated unit: out = f(gate) · up. */
const gated = kernel({
  reads: ['gate', 'up'],
  writes: ['out'],
  params: { count: 'u32' },
  ...byFour,
  cuts: [perElement('gate', 'up', 'out')],
  calls: ({ normals }) =>
    perCount((count) => ({
      reads: { gate: normals(count).map((x) => 3 * x), up: normals(count) },
      writes: { out: normals(count) },
      params: { count },
    })),
})

const gatedBackward = kernel({
  reads: ['dOut', 'gate', 'up'],
  writes: ['dGate', 'dUp'],
  params: { count: 'u32' },
  ...byFour,
  cuts: [perElement('dOut', 'gate', 'up', 'dGate', 'dUp')],
  calls: ({ normals }) =>
    perCount((count) => ({
      reads: { dOut: normals(count), gate: normals(count).map((x) => 3 * x), up: normals(count) },
      writes: { dGate: normals(count), dUp: normals(count) },
      params: { count },
    })),
})

/** The register's rows for what stands between linear layers. */
export const activationKernels = {
  /** Exact (erf) GELU. */
  gelu: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32' },
    ...byFour,
    cuts: [perElement('x', 'out')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count).map((x) => 3 * x) },
        writes: { out: normals(count) },
        params: { count },
      })),
  }),
  geluBackward: kernel({
    reads: ['dOut', 'x'],
    writes: ['dX'],
    params: { count: 'u32' },
    ...byFour,
    cuts: [perElement('dOut', 'x', 'dX')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { dOut: normals(count), x: normals(count).map((x) => 3 * x) },
        writes: { dX: normals(count) },
        params: { count },
      })),
  }),
  /** out = f(x); f by `kind`: 0 max(x, 0), 1 the logistic function, 2 tanh. */
  activate: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', kind: 'u32' },
    ...byFour,
    cuts: [perElement('x', 'out')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { x: normals(count).map((x) => 3 * x) },
        writes: { out: normals(count) },
        params: { count, kind: count % 3 },
      })),
  }),
  /** dX = dOut · f'(x) by out = f(x). */
  activateBackward: kernel({
    reads: ['dOut', 'out'],
    writes: ['dX'],
    params: { count: 'u32', kind: 'u32' },
    ...byFour,
    cuts: [perElement('dOut', 'out', 'dX')],
    calls: ({ normals }) =>
      perCount((count) => ({
        reads: { dOut: normals(count), out: normals(count) },
        writes: { dX: normals(count) },
        params: { count, kind: count % 3 },
      })),
  }),
  /** out = silu(gate) · up, silu(x) = x / (1 + e^-x). */
  swiGlu: gated,
  swiGluBackward: gatedBackward,
  /** out = gelu(gate) · up, gelu by its tanh approximation. */
  geGlu: gated,
  geGluBackward: gatedBackward,
}
