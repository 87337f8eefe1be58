/** The mean of each value and those before it, over an eighth of them all: what a noisy curve does on the whole. */
export function movingMean(values: readonly number[]): number[] {
  const window = Math.max(1, Math.round(values.length / 8))
  let sum = 0
  return values.map((value, i) => {
    sum += value - (values[i - window] ?? 0)
    return sum / Math.min(window, i + 1)
  })
}
