import { Random } from '../../core/random.ts'
import { rowOf } from '../row-of.ts'
import { type CpuEngine, openEngine, runKernel } from './engine.ts'
import type { CpuBuild } from './module.ts'

const [m, n, k] = [64, 256, 512]
/** Rounds before those that count: after three or four calls V8 compiles a kernel once more, on another thread. */
const warmUps = 8
/** Milliseconds in which that thread gets a core on a machine that is busy. */
const pause = 20
/** Rounds whose median is taken. */
const rounds = 9
/** Series of rounds after which the answer is no: code that V8 has not compiled again yet would be one, too early. */
const most = 4
/** Of the largest number of a product, by which two orders of summing differ at most. */
const tolerance = 1e-5

/** How a product's operands lie: in x · Wᵀ, dY · W and dYᵀ · x. */
const forward = { transA: 0, transB: 1 }
const products = [forward, { transA: 0, transB: 0 }, { transA: 1, transB: 0 }]

/** What a trial of `wide` beside `relaxed` has found. */
export interface TrialResult {
  /** Time of a product in `wide` over its time in `relaxed`. */
  readonly ratio: number
  /** Whether both compute the same, but for rounding. */
  readonly isRight: boolean
}

/** Runs the same products in `relaxed` and in `wide`, in alternating rounds on the calling thread. */
export class BuildTrial {
  readonly #a = normals(m * k, 1)
  readonly #b = normals(n * k, 2)

  /** @param isYes Whether a ratio is low enough to need no further look. */
  async run(isYes: (ratio: number) => boolean): Promise<TrialResult> {
    const [relaxed, wide] = [await this.#open('relaxed'), await this.#open('wide')]
    let ratio = Infinity
    for (let series = 0; series < most && !isYes(ratio); series++) {
      ratiosOf(relaxed.time, wide.time, warmUps)
      await new Promise((resolve) => setTimeout(resolve, pause))
      ratio = medianOf(ratiosOf(relaxed.time, wide.time, rounds))
    }
    return { ratio, isRight: products.every((product) => agree(relaxed.run(product), wide.run(product))) }
  }

  async #open(build: CpuBuild) {
    const engine = await openEngine(build, 1)
    const [a, b] = [place(engine, this.#a), place(engine, this.#b)]
    const out = engine.heap.create(4 * m * n, 'out').pointer
    const run = ({ transA, transB }: typeof forward) => {
      const params = {
        ...{ m, n, k, pitchA: transA === 1 ? m : k, pitchOut: n, transA, transB },
        ...{ hasBias: 0, accumulate: 0, alpha: 1 },
      }
      const operands = [a, b, 0, out, ...Object.keys(rowOf('matmul').params).map((name) => valueOf(params, name))]
      runKernel(engine, 'matmul', operands, rowOf('matmul').items(params), true, undefined)
      return new Float32Array(engine.memory.buffer, out, m * n)
    }
    const time = () => {
      const start = performance.now()
      run(forward)
      return performance.now() - start
    }
    return { run, time }
  }
}

/** Times of `ours` over times of `other`, by turns: a shared processor changes its pace from one moment to the next. */
function ratiosOf(other: () => number, ours: () => number, count: number): number[] {
  return Array.from({ length: count }, (_, round) => {
    if (round % 2 === 0) return ours() / other()
    const before = other()
    return ours() / before
  })
}

function place({ heap, memory }: CpuEngine, numbers: Float32Array): number {
  const { pointer } = heap.create(numbers.byteLength, 'numbers')
  new Float32Array(memory.buffer, pointer, numbers.length).set(numbers)
  return pointer
}

function valueOf(params: Readonly<Record<string, number>>, name: string): number {
  return params[name] ?? 0
}

function agree(expected: Float32Array, found: Float32Array): boolean {
  const bound = tolerance * expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return expected.every((value, i) => Math.abs(value - (found[i] ?? NaN)) <= bound)
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[values.length >> 1] ?? NaN
}

function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.normal())
}
