import { at, doubles, junk, type KernelCase, kernelCase, normals } from '../kernel-case.ts'

/** The factors of clipping: a share, and the one that says to change nothing. */
const factors = [0.5, 0] as const

const perCount = [1, 3, 8, 67, 1030].flatMap((count) =>
  factors.flatMap((factor) => [sgdCase(count, factor), momentumCase(count, factor)]),
)

/** Calls of the kernels of optimizers, in doubles. */
export const optimizerCases: KernelCase[] = perCount

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
