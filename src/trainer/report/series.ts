/** A number that was told at a step. */
export interface Point {
  readonly step: number
  readonly value: number
}

/** At most so many points, each the mean of as many neighbours. Values that are not finite are left out. */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  const finite = points.filter(({ value }) => Number.isFinite(value))
  const each = Math.ceil(finite.length / most)
  if (each <= 1) return finite
  return Array.from({ length: Math.ceil(finite.length / each) }, (_, i) => {
    const group = finite.slice(i * each, (i + 1) * each)
    const mean = (of: (point: Point) => number) => group.reduce((sum, point) => sum + of(point), 0) / group.length
    return { step: mean(({ step }) => step), value: mean(({ value }) => value) }
  })
}

/**
 * The exponential moving mean over about `span` points, whose first values lean on no zeros before them (Adam's
 * correction, as TensorBoard smooths).
 */
export function smoothed(points: readonly Point[], span: number): readonly Point[] {
  const keep = 1 - 2 / (span + 1)
  let [sum, weight] = [0, 0]
  return points.map(({ step, value }) => {
    sum = keep * sum + value
    weight = keep * weight + 1
    return { step, value: sum / weight }
  })
}

/** Round numbers from `low` to `high`, at least about `least` of them: 1, 2 or 5 times a power of ten apart. */
export function ticksOf(low: number, high: number, least: number): readonly number[] {
  const rough = (high - low) / least
  const power = 10 ** Math.floor(Math.log10(rough))
  const apart = power * ([5, 2].find((each) => each * power <= rough * (1 + 1e-9)) ?? 1)
  const first = Math.ceil(low / apart - 1e-9)
  const last = Math.floor(high / apart + 1e-9)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(((first + i) * apart).toPrecision(12)))
}

/** A number for people: four digits. */
export function shownNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Number.isSafeInteger(value)) return value.toLocaleString('en')
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e6)
    return size >= 1000 ? Math.round(value).toLocaleString('en') : trimmed(value.toPrecision(4))
  const [digits = '', exponent = ''] = value.toExponential(3).split('e')
  return `${trimmed(digits)}e${exponent.replace('+', '')}`
}

function trimmed(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
}
