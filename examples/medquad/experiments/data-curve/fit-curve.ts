import { DataError } from '../../data/data-error.ts'

/** A size and what was measured there. */
export interface SizedValue {
  readonly size: number
  readonly value: number
}

/** A curve through some values. */
export interface FittedCurve {
  /** By the names that its formula has. */
  readonly parameters: Readonly<Record<string, number>>
  /** Σ of squared distances. */
  readonly squares: number
  readonly at: (size: number) => number
}

/** A shape that a curve may have. */
export interface CurveShape {
  readonly formula: string
  /** Its parameters, and so the sizes that it needs. */
  readonly unknowns: number
  /** Its least squares; throws `DataError` `config` for fewer sizes. */
  readonly fit: (values: readonly SizedValue[]) => FittedCurve
}

/** Between these the exponent is sought: at the least a power is a logarithm, or flat; at the most, a step. */
const exponents = { least: 1e-4, most: 4 }
/** Of the grid on its logarithm. */
const cells = 40

/** What a curve may be, the first of which is drawn: the others are its rivals. */
export const curveShapes = {
  'power law with a floor': {
    formula: 'L∞ + a·n^-b, L∞ from 0',
    unknowns: 3,
    fit: (values) => {
      enough(values, 3)
      const b = exponentOf(values, true)
      const [floor, scale] = line(values.map(({ size, value }) => [size ** -b, value]))
      if (floor < 0) {
        // No loss is below 0; on that edge it is the power law.
        const { parameters, ...curve } = powerLaw(values)
        return { parameters: { 'L∞': 0, ...parameters }, ...curve }
      }
      return fitted({ 'L∞': floor, a: scale, b }, (size) => floor + scale * size ** -b, values)
    },
  },
  'power law': {
    formula: 'a·n^-b',
    unknowns: 2,
    fit: powerLaw,
  },
  logarithm: {
    formula: 'c - d·ln n',
    unknowns: 2,
    fit: (values) => {
      enough(values, 2)
      const [c, slope] = line(values.map(({ size, value }) => [Math.log(size), value]))
      return fitted({ c, d: -slope }, (size) => c + slope * Math.log(size), values)
    },
  },
} as const satisfies Readonly<Record<string, CurveShape>>

function powerLaw(values: readonly SizedValue[]): FittedCurve {
  enough(values, 2)
  const b = exponentOf(values, false)
  const scale = sum(values, ({ size, value }) => value * size ** -b) / sum(values, ({ size }) => size ** (-2 * b))
  return fitted({ a: scale, b }, (size) => scale * size ** -b, values)
}

/** What says nothing new: that more data changes nothing. */
export function lastValue(values: readonly SizedValue[]): number {
  return values.reduce((last, each) => (each.size > last.size ? each : last)).value
}

/**
 * The exponent of the power with the least squares. All else of the curve is linear and solved for each exponent as it
 * stands (variable projection, Golub & Pereyra 1973), so one number is sought, on a grid first, then by golden section.
 */
function exponentOf(values: readonly SizedValue[], hasFloor: boolean): number {
  const logarithms = values.map(({ size }) => Math.log(size))
  const mean = hasFloor ? sum(values, ({ value }) => value) / values.length : 0
  const squaresAt = (place: number) => {
    const powers = logarithms.map((logarithm) => Math.exp(-Math.exp(place) * logarithm))
    const middle = hasFloor ? sum(powers, (power) => power) / powers.length : 0
    let [across, together, along] = [0, 0, 0]
    for (const [i, { value }] of values.entries()) {
      const [x, y] = [(powers[i] ?? NaN) - middle, value - mean]
      across += x * x
      together += x * y
      along += y * y
    }
    return along - together ** 2 / across
  }
  const [from, to] = [Math.log(exponents.least), Math.log(exponents.most)]
  const width = (to - from) / cells
  const grid = Array.from({ length: cells + 1 }, (_, i) => squaresAt(from + width * i))
  const least = from + width * grid.indexOf(Math.min(...grid))
  return Math.exp(goldenSection(squaresAt, Math.max(from, least - width), Math.min(to, least + width)))
}

/** Where a function with one valley between two places is least, to a millionth of their distance. */
function goldenSection(of: (at: number) => number, from: number, to: number): number {
  const golden = (Math.sqrt(5) - 1) / 2
  let [low, high] = [from, to]
  let [a, b] = [high - golden * (high - low), low + golden * (high - low)]
  let [atA, atB] = [of(a), of(b)]
  while (high - low > 1e-6 * (to - from)) {
    if (atA <= atB) {
      ;[high, b, atB] = [b, a, atA]
      a = high - golden * (high - low)
      atA = of(a)
    } else {
      ;[low, a, atA] = [a, b, atB]
      b = low + golden * (high - low)
      atB = of(b)
    }
  }
  return (low + high) / 2
}

function fitted(parameters: FittedCurve['parameters'], at: FittedCurve['at'], values: readonly SizedValue[]) {
  return { parameters, at, squares: sum(values, ({ size, value }) => (at(size) - value) ** 2) }
}

/** Intercept and slope of the line with the least squares. */
function line(points: readonly (readonly [x: number, y: number])[]): readonly [intercept: number, slope: number] {
  const [meanX, meanY] = [sum(points, ([x]) => x) / points.length, sum(points, ([, y]) => y) / points.length]
  const spread = sum(points, ([x]) => (x - meanX) ** 2)
  const slope = spread === 0 ? 0 : sum(points, ([x, y]) => (x - meanX) * (y - meanY)) / spread
  return [meanY - slope * meanX, slope]
}

function enough(values: readonly SizedValue[], parameters: number): void {
  const sizes = new Set(values.map(({ size }) => size)).size
  if (sizes >= parameters) return
  throw new DataError('config', `a curve of ${parameters} parameters needs as many sizes, and there are ${sizes}`)
}

function sum<T>(items: readonly T[], of: (item: T, index: number) => number): number {
  return items.reduce((total, item, i) => total + of(item, i), 0)
}
