/** Nanoseconds that so many turns of a racer take together. */
export type Measure = (racer: number, turns: number) => Promise<number>

/** A racer wins over the first one only when it is faster by more than this share. */
const margin = 0.05
/** Times the best racer's time beyond which one is out after its trial. */
const hopeless = 1.5
const mostTurns = 4096

/**
 * The fastest of `count` racers: each has a trial in which it gets so many turns as last `least()` nanoseconds, those
 * near the best then run in alternating rounds, and their medians decide. The first racer is kept unless another is
 * faster by over 5 %.
 */
export async function race(count: number, least: () => number, measure: Measure): Promise<number> {
  const trials: { racer: number; turns: number; total: number }[] = []
  for (let racer = 0; racer < count; racer++) trials.push({ racer, ...(await trial(racer, least, measure)) })
  const best = Math.min(...trials.map(({ total, turns }) => total / turns))
  const field = trials.filter(({ racer, total, turns }) => racer === 0 || total / turns <= hopeless * best)
  if (field.length === 1) return 0
  const times = field.map((): number[] => [])
  const rounds = field.some(({ total }) => total > 20 * least()) ? 3 : 5
  for (let round = 0; round < rounds; round++) {
    // Back and forth, so that a machine that slows down slows all alike.
    const order = [...field.entries()]
    for (const [i, { racer, turns }] of round % 2 === 0 ? order : order.reverse()) {
      times[i]?.push((await measure(racer, turns)) / turns)
    }
  }
  const medians = times.map(median)
  const [first = Infinity] = medians
  const winner = medians.indexOf(Math.min(...medians))
  return (medians[winner] ?? Infinity) < (1 - margin) * first ? (field[winner]?.racer ?? 0) : 0
}

async function trial(
  racer: number,
  least: () => number,
  measure: Measure,
): Promise<{ readonly turns: number; readonly total: number }> {
  for (let turns = 1; ;) {
    const total = await measure(racer, turns)
    if (total >= least() || turns === mostTurns) return { turns, total }
    const wanted = 1.2 * (least() / Math.max(total, 1))
    turns = Math.min(mostTurns, Math.ceil(turns * Math.min(Math.max(wanted, 2), 64)))
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Infinity
}
