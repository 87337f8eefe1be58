/** The mean of a number over some steps in a row. */
export interface CoursePoint {
  readonly step: number
  readonly value: number
}

interface Bin {
  steps: number
  values: number
  count: number
}

const most = 1024

/**
 * How a number went over a training, in a bounded number of means: each is of as many steps, twice as many whenever
 * they are too many. Taking a step costs the same after a million.
 */
export class Course {
  readonly #bins: Bin[] = []
  #each = 1

  add(step: number, value: number): void {
    if (!Number.isFinite(value)) return
    let bin = this.#bins.at(-1)
    if (bin === undefined || bin.count === this.#each) {
      if (this.#bins.length === most) this.#halve()
      bin = { steps: 0, values: 0, count: 0 }
      this.#bins.push(bin)
    }
    bin.steps += step
    bin.values += value
    bin.count++
  }

  points(): readonly CoursePoint[] {
    return this.#bins.map(({ steps, values, count }) => ({ step: steps / count, value: values / count }))
  }

  #halve(): void {
    const bins = this.#bins.splice(0)
    for (let i = 0; i < bins.length; i += 2) {
      const [one, other] = [bins[i], bins[i + 1]]
      if (one === undefined) continue
      const { steps = 0, values = 0, count = 0 } = other ?? {}
      this.#bins.push({ steps: one.steps + steps, values: one.values + values, count: one.count + count })
    }
    this.#each *= 2
  }
}
