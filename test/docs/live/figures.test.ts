import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { doubleErrors, weightBytes } from '../../../docs/.vitepress/live/double-quantisation/scale-costs.ts'
import { apart, timeProducts } from '../../../docs/.vitepress/live/kernels/time-products.ts'
import {
  leastLoss,
  type LearnReport,
  learnUpdate,
  side,
  updateToLearn,
  wanted,
} from '../../../docs/.vitepress/live/lora/learn-update.ts'
import { loraSizes } from '../../../docs/.vitepress/live/lora/lora-sizes.ts'
import { singularValues } from '../../../docs/.vitepress/live/lora/singular-values.ts'
import { errorOf, formatErrors, levelShares } from '../../../docs/.vitepress/live/nf4/quantisation-errors.ts'
import { pooled } from '../../../docs/.vitepress/live/parts/heat-map.ts'
import { normalWeights, readMatrix } from '../../../docs/.vitepress/live/parts/numbers.ts'
import { recordExpression } from '../../../docs/.vitepress/live/tape/watched-expression.ts'
import { outcomeOf } from '../../../docs/.vitepress/live/try/quantise-page.ts'
import { thinSvd } from '../../../src/core/linear-algebra/thin-svd.ts'
import { type Device, openDevice, Random } from '../../../src/index.ts'
import { dequantizeFourBit, quantizeFourBit } from '../../../src/quant/index.ts'
import { root } from '../../programs/run-program.ts'

const page = (name: string) => readFileSync(join(root, 'docs/explained', name), 'utf8')
const weights = normalWeights(1 << 18, 1)

let device: Device
beforeAll(async () => {
  ;({ device } = await openDevice({ device: 'cpu', cpu: { threads: 1 } }))
})
afterAll(() => device.dispose())

describe('nf4', () => {
  const errors = formatErrors(weights, 64)
  const rmsOf = (format: string) => errors.find((each) => each.format === format)?.rms ?? NaN

  it('loses as much as bitsandbytes measures of standard normal numbers', () => {
    // Means of the absolute error in its test_functional.py, and the spread over 200 samples of a million numbers.
    const normal = normalWeights(1 << 18, 2, 1)
    const mean = (type: 'nf4' | 'fp4') => {
      const stored = dequantizeFourBit({ ...quantizeFourBit(normal, { type }), count: normal.length, type })
      return normal.reduce((sum, value, i) => sum + Math.abs(value - (stored[i] ?? NaN)), 0) / normal.length
    }
    expect(mean('nf4')).toBeCloseTo(0.072798, 3)
    expect(mean('fp4')).toBeCloseTo(0.096543, 3)
    const stored = dequantizeFourBit({
      ...quantizeFourBit(weights, { type: 'nf4' }),
      count: weights.length,
      type: 'nf4',
    })
    expect(rmsOf('NF4')).toBe(errorOf(weights, stored).rms)
  })

  it('stands before even steps and FP4 in the order of the page, with its numbers', () => {
    const rows = [
      ['int8, a scale a block', 'int8', 1],
      ['NF4', 'NF4', 1],
      ['4 bits with even steps', '4 bits, even steps', 1],
      ['FP4', 'FP4', 1],
    ] as const
    for (const [row, format, digits] of rows) {
      const cell = new RegExp(`^\\| ${row} .*\\|\\s*([\\d.]+)% \\|$`, 'm').exec(page('nf4.md'))?.[1]
      expect(cell, row).toBe((100 * rmsOf(format)).toFixed(digits))
    }
    const worstOf = (format: string) => errors.find((each) => each.format === format)?.worst ?? NaN
    expect(worstOf('NF4')).toBeGreaterThan(worstOf('4 bits, even steps'))
  })

  it('measures even steps by what rounding gives: half a step at most', () => {
    const [even] = formatErrors(Float32Array.of(7, 3.5, -2.4, 0), 32).filter(({ format }) => format.includes('even'))
    // 7 → 7, 3.5 → 4, -2.4 → -2, 0 → 0
    expect(even?.rms).toBeCloseTo(Math.sqrt((0.25 + 0.16) / (49 + 12.25 + 5.76)), 6)
    expect(even?.worst).toBeCloseTo(0.5 / 7, 6)
    expect(formatErrors(new Float32Array(40), 32).map(({ rms }) => rms)).toEqual([0, 0, 0, 0])
  })

  it('counts how often each level is taken', () => {
    expect(levelShares(Float32Array.of(1, -1, 0, 0.001), 'nf4', 32)).toEqual(
      [1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1].map((count) => count / 4),
    )
    const shares = levelShares(weights, 'nf4', 64)
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 9)
    // The idea of the page: no level is idle.
    expect(Math.min(...shares)).toBeGreaterThan(0.005)
  })
})

describe('double quantisation', () => {
  it('takes the bits that the page says', () => {
    const bits = (isDouble: boolean) => {
      const { codes, scales, nested } = weightBytes(64, isDouble)
      return 8 * (codes + scales + nested)
    }
    expect([bits(false), bits(true)]).toEqual([4.5, 4 + 8 / 64 + 32 / (64 * 256)])
    expect(bits(true).toFixed(3)).toBe('4.127')
  })

  it('adds the error that the page says', () => {
    const { scales, once, twice } = doubleErrors(weights, 64)
    const words = page('double-quantisation.md').replaceAll(/\s+/g, ' ')
    expect(words).toContain(`move by ${(100 * scales).toFixed(2)}% of themselves`)
    expect(words).toContain(`from ${(100 * once).toFixed(3)}% to ${(100 * twice).toFixed(3)}% of their RMS`)
  })
})

describe('LoRA', () => {
  it("counts PEFT's numbers of query_key_value in Falcon-RW-1B", () => {
    const { trained, share } = loraSizes({ inputs: 2048, outputs: 6144, r: 16 })
    expect(24 * trained).toBe(3_145_728)
    expect(page('lora.md')).toContain(`${(100 * share).toFixed(2)}%`)
  })

  it('finds the singular values that the library finds', () => {
    const random = new Random(3)
    for (const [rows, columns] of [
      [5, 5],
      [7, 4],
      [3, 6],
    ] as const) {
      const values = Float64Array.from({ length: rows * columns }, () => random.normal())
      const known = [...thinSvd({ rows, columns, values }).s]
      for (const [i, value] of singularValues(values, rows, columns).entries())
        expect(value).toBeCloseTo(known[i] ?? NaN, 9)
    }
    expect(singularValues([0, 0, 0, 0], 2, 2)).toEqual([0, 0])
  })

  it('makes an update of the singular values that it says', () => {
    const found = singularValues(updateToLearn(1), side, side)
    for (const [i, value] of [...wanted, 0, 0].entries()) expect(found[i]).toBeCloseTo(value, 5)
  })

  it('learns the largest singular values, down to what Eckart and Young leave', async () => {
    const update = updateToLearn(1)
    for (const r of [1, 2, 4]) {
      const before = device.memory.liveBytes
      let last: LearnReport = { step: 0, loss: NaN, product: new Float32Array() }
      for await (const report of learnUpdate(device, update, { r, steps: 300 })) last = report
      expect(last.loss / leastLoss(r)).toBeCloseTo(1, 2)
      const learned = singularValues(last.product, side, side)
      for (const [i, value] of wanted.entries()) expect(learned[i]).toBeCloseTo(i < r ? value : 0, 1)
      expect(device.memory.liveBytes).toBe(before)
    }
  })
})

describe('the tape', () => {
  it('walks back from the last record to the first, with the gradients of calculus', async () => {
    const leaves = { w: 0.8, b: -0.3, x: 1.5, y: 0.2 }
    const { noted, order, loss, gradients, differences } = await recordExpression(device, leaves)
    const guess = Math.tanh(0.8 * 1.5 - 0.3)
    const error = guess - 0.2
    const dSum = 2 * error * (1 - guess * guess)
    const known = {
      product: [1.2, dSum],
      sum: [0.9, dSum],
      guess: [guess, 2 * error],
      error: [error, 2 * error],
      loss: [error * error, 1],
    }
    expect(Object.keys(known)).toEqual(noted.map(({ out }) => out))
    for (const { out, value, gradient } of noted) {
      const [exact, slope] = known[out as keyof typeof known]
      expect(value).toBeCloseTo(exact ?? NaN, 6)
      expect(gradient).toBeCloseTo(slope ?? NaN, 6)
    }
    expect(order).toEqual(['loss', 'error', 'guess', 'sum', 'product'])
    expect(loss).toBeCloseTo(error * error, 6)
    expect(gradients.w).toBeCloseTo(1.5 * dSum, 6)
    expect(gradients.b).toBeCloseTo(dSum, 6)
    expect(differences.w).toBeCloseTo(gradients.w, 3)
    expect(differences.b).toBeCloseTo(gradients.b, 3)
  })

  it('frees what it made', async () => {
    const before = device.memory.liveBytes
    await recordExpression(device, { w: 1, b: 2, x: -1, y: 0 })
    expect(device.memory.liveBytes).toBe(before)
  })
})

describe('kernels', () => {
  it('times a product whose elements are the sums in double precision', async () => {
    const { seconds, gflops, difference, out, kind } = await timeProducts('cpu', 96)
    expect(kind).toBe('cpu')
    expect(gflops).toBeCloseTo((2 * 96 ** 3) / seconds / 1e9, 6)
    expect(difference).toBeGreaterThan(0)
    expect(difference).toBeLessThan(1e-4)
    expect(
      apart(
        out,
        out.map((value, i) => (i === 5 ? value + 1 : value)),
      ),
    ).toBeCloseTo(1, 5)
  })
})

describe('numbers that a reader gives', () => {
  it('are read by rows, however they are parted', () => {
    expect(readMatrix('1, 2,3\n\n-4;5 ; 6\n')).toEqual({
      values: Float32Array.of(1, 2, 3, -4, 5, 6),
      rows: 2,
      columns: 3,
    })
    expect(readMatrix('1e-3\t2').columns).toBe(2)
    expect(readMatrix('1,2,\n3,4,')).toMatchObject({ rows: 2, columns: 2 })
  })

  it.each([
    ['', 'There is no number'],
    ['1,2\n3', 'Line 2 has 1 numbers, the first has 2'],
    ['1,x', 'Line 1: "x" is no number of 32 bits'],
    ['1,,2', 'Line 1: "" is no number of 32 bits'],
    ['1e99', 'Line 1: "1e99" is no number of 32 bits'],
  ])('%j is refused', (text, sentence) => {
    expect(() => readMatrix(text)).toThrow(sentence)
  })
})

describe('quantise a matrix', () => {
  const matrix = { values: Float32Array.from(weights.subarray(0, 128 * 96)), rows: 128, columns: 96 }

  it('tells bytes and errors of what the sample stores', () => {
    const single = outcomeOf(matrix, { type: 'nf4', blockSize: 64, doubleQuant: false })
    const double = outcomeOf(matrix, { type: 'nf4', blockSize: 64, doubleQuant: true })
    expect([single.bytes, double.bytes]).toEqual([128 * 96 * (0.5 + 4 / 64), 128 * 96 * (0.5 + 1 / 64) + 4 + 4])
    expect(single.rms).toBeCloseTo(0.092, 2)
    expect(double.rms).not.toBe(single.rms)
    expect(Math.max(...single.errors)).toBeCloseTo(single.worst * Math.max(...matrix.values.map(Math.abs)), 6)
  })

  it('draws a mean where there are more cells than pixels', () => {
    const { cells, width, height } = pooled(
      Float32Array.from({ length: 512 * 2 }, (_, i) => i % 2),
      2,
      512,
    )
    expect([width, height]).toEqual([256, 1])
    expect([...cells].every((cell) => cell === 0.5)).toBe(true)
  })
})
