import { mix32 } from '../../../src/core/random.ts'
import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'

seedDraws('elementwise')

const counts = [1, 3, 8, 67, 1030]

/** erf by its series, in doubles, for |x| < 6. */
function erf(x: number): number {
  if (Math.abs(x) >= 6) return Math.sign(x)
  if (Math.abs(x) > 2.5) return Math.sign(x) * (1 - erfc(Math.abs(x)))
  let [term, sum] = [x, x]
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

/** 1 - erf(x) by its continued fraction, for x > 2. */
function erfc(x: number): number {
  let fraction = 0
  for (let n = 100; n > 0; n--) fraction = n / 2 / (x + fraction)
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction)
}

const normalBelow = (x: number) => (1 + erf(x / Math.SQRT2)) / 2
const gelu = (x: number) => x * normalBelow(x)
const geluSlope = (x: number) => normalBelow(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const silu = (x: number) => x * sigmoid(x)
const siluSlope = (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))

const [steep, cubic] = [2 * Math.sqrt(2 / Math.PI), 0.044715]
/** GELU by its tanh approximation. */
const geluTanh = (x: number) => x * sigmoid(steep * (x + cubic * x ** 3))
const geluTanhSlope = (x: number) => {
  const share = sigmoid(steep * (x + cubic * x ** 3))
  return share + x * share * (1 - share) * steep * (1 + 3 * cubic * x * x)
}

/** What gates of linear units let through. */
const units = [
  { name: 'swiGlu', of: silu, slope: siluSlope },
  { name: 'geGlu', of: geluTanh, slope: geluTanhSlope },
] as const

/** By the number of their kind; slopes by what they give. */
const activations = [
  { name: 'relu', of: (x: number) => Math.max(x, 0), slopeAt: (y: number) => +(y > 0) },
  { name: 'sigmoid', of: sigmoid, slopeAt: (y: number) => y * (1 - y) },
  { name: 'tanh', of: Math.tanh, slopeAt: (y: number) => 1 - y * y },
] as const

const perCount = counts.flatMap((count) => {
  const [a, b] = [normals(count), normals(count)]
  const wide = normals(count, 3)
  // Of a small value alone, the error would be measured against itself.
  wide[0] = 3
  const alpha = Math.fround(-0.3)
  const [seed, threshold, scale] = [0xdeadbeef, Math.round(0.3 * 2 ** 32), Math.fround(1 / 0.7)]
  const factor = Float32Array.of(0.25, 9)
  const title = `${count}`
  return [
    kernelCase('gelu', title, {
      reads: { x: wide },
      writes: { out: junk(count) },
      params: { count },
      expected: { out: doubles(count, (i) => gelu(at(wide, i))) },
      tolerance: 1e-6,
    }),
    kernelCase('geluBackward', title, {
      reads: { dOut: b, x: wide },
      writes: { dX: junk(count) },
      params: { count },
      expected: { dX: doubles(count, (i) => at(b, i) * geluSlope(at(wide, i))) },
      tolerance: 1e-6,
    }),
    ...units.flatMap(({ name, of, slope }) => [
      kernelCase(name, title, {
        reads: { gate: wide, up: b },
        writes: { out: junk(count) },
        params: { count },
        expected: { out: doubles(count, (i) => of(at(wide, i)) * at(b, i)) },
        tolerance: 1e-6,
      }),
      kernelCase(`${name}Backward`, title, {
        reads: { dOut: a, gate: wide, up: b },
        writes: { dGate: junk(count), dUp: junk(count) },
        params: { count },
        expected: {
          dGate: doubles(count, (i) => at(a, i) * at(b, i) * slope(at(wide, i))),
          dUp: doubles(count, (i) => at(a, i) * of(at(wide, i))),
        },
        tolerance: 1e-6,
      }),
    ]),
    ...activations.flatMap(({ name, of, slopeAt }, kind) => [
      kernelCase('activate', `${title}, ${name}`, {
        reads: { x: wide },
        writes: { out: junk(count) },
        params: { count, kind },
        expected: { out: doubles(count, (i) => of(at(wide, i))) },
        tolerance: 1e-6,
      }),
      kernelCase('activateBackward', `${title}, ${name}`, {
        reads: { dOut: b, out: a },
        writes: { dX: junk(count) },
        params: { count, kind },
        expected: { dX: doubles(count, (i) => at(b, i) * slopeAt(at(a, i))) },
        tolerance: 1e-6,
      }),
    ]),
    kernelCase('add', title, {
      reads: { a, b },
      writes: { out: junk(count) },
      params: { count, alpha },
      expected: { out: doubles(count, (i) => at(a, i) + alpha * at(b, i)) },
      tolerance: 1e-6,
    }),
    kernelCase('accumulate', title, {
      reads: { x: b },
      writes: { target: a },
      params: { count, alpha },
      expected: { target: doubles(count, (i) => at(a, i) + alpha * at(b, i)) },
      tolerance: 1e-6,
    }),
    ...[0, 1].map((hasFactor) =>
      kernelCase('scale', `${count} factor ${hasFactor}`, {
        reads: { x: a, factor: hasFactor ? factor : null },
        writes: { out: junk(count) },
        params: { count, hasFactor, alpha },
        expected: { out: doubles(count, (i) => (hasFactor ? 0.25 : 1) * alpha * at(a, i)) },
        tolerance: 1e-6,
      }),
    ),
    kernelCase('fill', title, {
      reads: {},
      writes: { out: junk(count) },
      params: { count, value: -2.5 },
      expected: { out: doubles(count, () => -2.5) },
      tolerance: 0,
    }),
    ...[0, 5].map((first) =>
      kernelCase('dropout', `${count} from ${first}`, {
        reads: { x: a },
        writes: { out: junk(count) },
        params: { count, first, seed, threshold, scale },
        expected: {
          out: doubles(count, (i) => {
            return mix32(((first + i) ^ seed) >>> 0) >= threshold ? Math.fround(at(a, i) * scale) : 0
          }),
        },
        tolerance: 0,
      }),
    ),
    adamwCase(count),
    lionCase(count),
    sensitivityCase(count),
  ]
})

function adamwCase(count: number): KernelCase {
  const [grad, param, m] = [normals(count), normals(count), normals(count, 0.1)]
  const v = normals(count, 0.1).map((x) => x * x)
  const [lr, beta1, beta2, eps, weightDecay] = [1e-2, 0.9, 0.999, 1e-8, 0.1] as const
  const [correction1, correction2] = [1 - beta1 ** 3, 1 - beta2 ** 3]
  const clip = Float32Array.of(0.5, 2)
  const first = doubles(count, (i) => beta1 * at(m, i) + (1 - beta1) * 0.5 * at(grad, i))
  const second = doubles(count, (i) => beta2 * at(v, i) + (1 - beta2) * (0.5 * at(grad, i)) ** 2)
  return kernelCase('adamw', `${count}`, {
    reads: { grad, clip },
    writes: { param, m, v },
    params: {
      count,
      keep: 1 - lr * weightDecay,
      beta1,
      gain1: 1 - beta1,
      beta2,
      gain2: 1 - beta2,
      step: lr / correction1,
      root2: Math.sqrt(correction2),
      eps,
    },
    expected: {
      m: first,
      v: second,
      param: doubles(count, (i) => {
        const step = at(first, i) / correction1 / (Math.sqrt(at(second, i) / correction2) + eps)
        return at(param, i) * (1 - lr * weightDecay) - lr * step
      }),
    },
    tolerance: 2e-6,
  })
}

function lionCase(count: number): KernelCase {
  const [grad, param, m] = [normals(count), normals(count), normals(count, 0.1)]
  const [lr, beta1, beta2, weightDecay] = [1e-2, 0.9, 0.99, 0.1] as const
  const mixed = (beta: number) => doubles(count, (i) => beta * at(m, i) + (1 - beta) * 0.5 * at(grad, i))
  const direction = mixed(beta1).map(Math.sign)
  const gains = { beta1, gain1: 1 - beta1, beta2, gain2: 1 - beta2 }
  return kernelCase('lion', `${count}`, {
    reads: { grad, clip: Float32Array.of(0.5, 2) },
    writes: { param, m },
    params: { count, keep: 1 - lr * weightDecay, ...gains, step: lr },
    expected: {
      m: mixed(beta2),
      param: doubles(count, (i) => at(param, i) * (1 - lr * weightDecay) - lr * at(direction, i)),
    },
    tolerance: 2e-6,
  })
}

// Far tails, where exp underflows and erf is 1, and where the two polynomials of erf meet; for SwiGLU, where exp
// overflows.
const tails = Float32Array.from({ length: 401 }, (_, i) => (i - 200) / 8)

const tailCases = [
  kernelCase('gelu', 'from -25 to 25', {
    reads: { x: tails },
    writes: { out: junk(tails.length) },
    params: { count: tails.length },
    expected: { out: doubles(tails.length, (i) => gelu(at(tails, i))) },
    tolerance: 1e-7,
  }),
  kernelCase('geluBackward', 'from -25 to 25', {
    reads: { dOut: tails.map(() => 1), x: tails },
    writes: { dX: junk(tails.length) },
    params: { count: tails.length },
    expected: { dX: doubles(tails.length, (i) => geluSlope(at(tails, i))) },
    tolerance: 1e-6,
  }),
]

const gates = tails.map((x) => 8 * x)

const gateCases = [
  ...activations.map(({ name, of }, kind) =>
    kernelCase('activate', `${name} from -200 to 200`, {
      reads: { x: gates },
      writes: { out: junk(gates.length) },
      params: { count: gates.length, kind },
      expected: { out: doubles(gates.length, (i) => of(at(gates, i))) },
      tolerance: 1e-6,
    }),
  ),
  ...units.flatMap(({ name, of, slope }) => [
    kernelCase(name, 'from -200 to 200', {
      reads: { gate: gates, up: gates.map(() => 1) },
      writes: { out: junk(gates.length) },
      params: { count: gates.length },
      expected: { out: doubles(gates.length, (i) => of(at(gates, i))) },
      tolerance: 1e-7,
    }),
    kernelCase(`${name}Backward`, 'from -200 to 200', {
      reads: { dOut: gates.map(() => 1), gate: gates, up: gates.map(() => 1) },
      writes: { dGate: junk(gates.length), dUp: junk(gates.length) },
      params: { count: gates.length },
      expected: {
        dGate: doubles(gates.length, (i) => slope(at(gates, i))),
        dUp: doubles(gates.length, (i) => of(at(gates, i))),
      },
      tolerance: 1e-6,
    }),
  ]),
]

export const elementwiseCases: KernelCase[] = [...perCount, ...tailCases, ...gateCases]

function sensitivityCase(count: number): KernelCase {
  const [param, grad] = [normals(count), normals(count)]
  const [average, uncertainty] = [normals(count).map(Math.abs), normals(count).map(Math.abs)]
  const [beta1, beta2] = [0.85, 0.7] as const
  const importance = doubles(count, (i) => Math.abs(at(param, i) * 0.5 * at(grad, i)))
  const smooth = doubles(count, (i) => beta1 * at(average, i) + (1 - beta1) * at(importance, i))
  return kernelCase('sensitivity', `${count}`, {
    reads: { param, grad, clip: Float32Array.of(0.5, 2) },
    writes: { average, uncertainty },
    params: { count, beta1, gain1: 1 - beta1, beta2, gain2: 1 - beta2 },
    expected: {
      average: smooth,
      uncertainty: doubles(count, (i) => {
        return beta2 * at(uncertainty, i) + (1 - beta2) * Math.abs(at(importance, i) - at(smooth, i))
      }),
    },
    tolerance: 2e-6,
  })
}
