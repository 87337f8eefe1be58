import { dynamicMap } from '../../../src/quant/dynamic-map.ts'
import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'

seedDraws('optimizers')

/** The factors of clipping: a share, and the one that says to change nothing. */
const factors = [0.5, 0] as const

const perCount = [1, 3, 8, 67, 1030].flatMap((count) =>
  factors.flatMap((factor) => [sgdCase(count, factor), momentumCase(count, factor)]),
)

/** Calls of the kernels of optimizers, in doubles. */
export const optimizerCases: KernelCase[] = [
  ...perCount,
  ...[3, 256, 1000, 5120].flatMap((count) => factors.map((factor) => adamw8bitCase(count, factor))),
]

function sgdCase(count: number, factor: number): KernelCase {
  const [grad, param] = [normals(count), normals(count)]
  const [lr, weightDecay] = [0.03, 0.1] as const
  const moved = doubles(count, (i) => at(param, i) * (1 - lr * weightDecay) - lr * factor * at(grad, i))
  return kernelCase('sgd', `${count}, clipped by ${factor}`, {
    reads: { grad, clip: Float32Array.of(factor, 2) },
    writes: { param },
    params: { count, keep: 1 - lr * weightDecay, step: lr },
    expected: { param: factor === 0 ? param : moved },
    tolerance: 2e-6,
  })
}

function momentumCase(count: number, factor: number): KernelCase {
  const [grad, param, m] = [normals(count), normals(count), normals(count)]
  const [decay, beta, gain, now, past] = [0.1, 0.9, 0.7, 1, 0.9] as const
  const g = doubles(count, (i) => factor * at(grad, i) + decay * at(param, i))
  const mean = factor === 0 ? m : doubles(count, (i) => beta * at(m, i) + gain * at(g, i))
  const moved = doubles(count, (i) => (factor === 0 ? 0 : now * at(g, i) + past * at(mean, i)))
  return kernelCase('momentum', `${count}, clipped by ${factor}`, {
    reads: { grad, clip: Float32Array.of(factor, 2), param },
    writes: { m, out: junk(count) },
    params: { count, decay, beta, gain, now, past },
    expected: { m: mean, out: moved },
    tolerance: 2e-6,
  })
}

/** AdamW with moments in 8 bits. @param factor Of clipping. */
export function adamw8bitCase(count: number, factor: number): KernelCase {
  const [grad, param, blocks] = [normals(count), normals(count), Math.ceil(count / 256)]
  const [signed, unsigned] = [dynamicMap(true), dynamicMap(false)]
  const [m, v] = [41, 97].map((stride) => Uint8Array.from({ length: count }, (_, i) => (i * stride) % 256))
  const scales = normals(2 * blocks).map(Math.abs)
  const [lr, beta1, beta2, eps, weightDecay] = [1e-2, 0.9, 0.95, 1e-8, 0.1] as const
  const [correction1, correction2] = [1 - beta1 ** 3, 1 - beta2 ** 3]
  const codeAt = (codes: Uint8Array | undefined, i: number) => codes?.[i] ?? NaN
  const scaleOf = (i: number, moment: number) => at(scales, 2 * Math.floor(i / 256) + moment)
  const first = doubles(count, (i) => {
    return beta1 * at(signed, codeAt(m, i)) * scaleOf(i, 0) + (1 - beta1) * factor * at(grad, i)
  })
  const second = doubles(count, (i) => {
    return beta2 * at(unsigned, codeAt(v, i)) * scaleOf(i, 1) + (1 - beta2) * (factor * at(grad, i)) ** 2
  })
  const largest = doubles(2 * blocks, (i) => {
    const begin = 256 * Math.floor(i / 2)
    return Math.max(...(i % 2 === 0 ? first : second).slice(begin, begin + 256).map(Math.abs))
  })
  const nearest = (map: Float32Array, x: number) =>
    map.reduce((best, value, code) => (Math.abs(value - x) < Math.abs(at(map, best) - x) ? code : best), 0)
  const codesOf = (map: Float32Array, values: Float64Array, moment: number) =>
    Uint8Array.from(values, (value, i) => nearest(map, value / at(largest, 2 * Math.floor(i / 256) + moment)))
  const moved = doubles(count, (i) => {
    const step = at(first, i) / correction1 / (Math.sqrt(at(second, i) / correction2) + eps)
    return at(param, i) * (1 - lr * weightDecay) - lr * step
  })
  const before = { m: m ?? new Uint8Array(), v: v ?? new Uint8Array() }
  return kernelCase('adamw8bit', `${count}, clipped by ${factor}`, {
    reads: { grad, clip: Float32Array.of(factor, 2), maps: Float32Array.of(...signed, ...unsigned) },
    writes: { param, ...before, scales },
    params: {
      ...{ count, keep: 1 - lr * weightDecay, beta1, gain1: 1 - beta1, beta2, gain2: 1 - beta2 },
      ...{ step: lr / correction1, root2: Math.sqrt(correction2), eps },
    },
    expected:
      factor === 0
        ? { param, ...before, scales }
        : { param: moved, m: codesOf(signed, first, 0), v: codesOf(unsigned, second, 1), scales: largest },
    tolerance: 2e-6,
    codeSteps: 1,
  })
}
