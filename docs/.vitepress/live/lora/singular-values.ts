/**
 * The singular values of a matrix by rows, falling: one-sided Jacobi (Hestenes 1958), which turns pairs of columns until
 * all are at right angles; their lengths are the values. For the small matrices of a figure.
 */
export function singularValues(values: ArrayLike<number>, rows: number, columns: number): number[] {
  const by = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => values[i * columns + j] ?? 0),
  )
  for (let sweep = 0; sweep < 30; sweep++) {
    let largest = 0
    for (const [i, first] of by.entries()) {
      for (const second of by.slice(i + 1)) largest = Math.max(largest, straighten(first, second))
    }
    if (largest < 1e-12) break
  }
  const lengths = by.map((column) => Math.sqrt(dot(column, column))).sort((a, b) => b - a)
  return lengths.slice(0, Math.min(rows, columns))
}

/** Turns two columns to a right angle; what their cosine was. */
function straighten(first: Float64Array, second: Float64Array): number {
  const [a, b, c] = [dot(first, first), dot(second, second), dot(first, second)]
  if (a === 0 || b === 0 || c === 0) return 0
  const zeta = (b - a) / (2 * c)
  const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta))
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = cosine * tangent
  for (const [i, x] of first.entries()) {
    const y = second[i] ?? 0
    first[i] = cosine * x - sine * y
    second[i] = sine * x + cosine * y
  }
  return Math.abs(c) / Math.sqrt(a * b)
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (const [i, x] of a.entries()) sum += x * (b[i] ?? 0)
  return sum
}
