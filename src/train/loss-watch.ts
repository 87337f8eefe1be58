/** A loss that has fallen by less than this share of itself has not moved. */
const least = 0.01
/** Steps before which nothing is said of a loss. */
const fewest = 8

/** What a watch says: losses at both ends of the time, and how many steps it took. */
export interface Flatness {
  readonly steps: number
  readonly first: number
  readonly last: number
}

/** What a step tells. */
interface Reported {
  readonly step: number
  readonly loss: number
  readonly labelTokens: number
}

/**
 * Watches whether a loss falls in the first tenth of a run, by what is reported anyway. Batches differ, so it speaks
 * only when it can tell: by the means of whole epochs, which hold the same examples, or by a line through all losses,
 * when even that with three standard errors falls by less than a hundredth. Warm-up does not count.
 */
export class LossWatch {
  readonly #due: number
  readonly #stepsPerEpoch: number
  #isOpen: boolean
  /** Sums of 1, x, y, xx, xy and yy, y being the loss less the first one. */
  readonly #sums = { n: 0, x: 0, y: 0, xx: 0, xy: 0, yy: 0 }
  #firstLoss = NaN
  #epoch = { nats: 0, tokens: 0, steps: 0 }
  #epochMeans: readonly number[] = []

  /** @param done Steps that were taken before: who begins later than in the first tenth is not watched. */
  constructor({
    steps,
    done,
    warmup,
    stepsPerEpoch,
  }: Readonly<Record<'steps' | 'done' | 'warmup' | 'stepsPerEpoch', number>>) {
    this.#due = warmup + Math.max(fewest, Math.ceil(steps / 10))
    this.#stepsPerEpoch = stepsPerEpoch
    this.#isOpen = done <= steps / 10
  }

  /** Takes a report; says once, if ever, that the loss does not fall. */
  see({ step, loss, labelTokens }: Reported): Flatness | null {
    if (!this.#isOpen) return null
    this.#note(step, loss, labelTokens)
    if (step < this.#due) return null
    const found = this.#byEpochs() ?? this.#byLine()
    if (found === null) return null
    this.#isOpen = false
    return found.fall < least * Math.abs(found.first)
      ? { steps: this.#sums.n, first: found.first, last: found.first - found.fall }
      : null
  }

  #note(step: number, loss: number, labelTokens: number): void {
    if (this.#sums.n === 0) this.#firstLoss = loss
    const [sums, y] = [this.#sums, loss - this.#firstLoss]
    sums.n++
    sums.x += step
    sums.y += y
    sums.xx += step * step
    sums.xy += step * y
    sums.yy += y * y
    const epoch = this.#epoch
    // What is left of an epoch that began before the watch is no epoch.
    if (epoch.steps === 0 && (step - 1) % this.#stepsPerEpoch !== 0) return
    epoch.nats += loss * labelTokens
    epoch.tokens += labelTokens
    epoch.steps++
    if (epoch.steps < this.#stepsPerEpoch) return
    this.#epochMeans = [...this.#epochMeans.slice(0, 1), epoch.nats / epoch.tokens]
    this.#epoch = { nats: 0, tokens: 0, steps: 0 }
  }

  #byEpochs(): { first: number; fall: number } | null {
    const [first, last] = this.#epochMeans
    return first === undefined || last === undefined ? null : { first, fall: first - last }
  }

  /** By least squares; null while the error is too large to tell a fall from none. */
  #byLine(): { first: number; fall: number } | null {
    const { n, x, y, xx, xy, yy } = this.#sums
    const [spreadX, spreadY, both] = [xx - (x * x) / n, yy - (y * y) / n, xy - (x * y) / n]
    const slope = both / spreadX
    const error = Math.sqrt(Math.max(0, spreadY - slope * both) / ((n - 2) * spreadX))
    const fall = -slope * (n - 1)
    const first = this.#firstLoss + y / n + fall / 2
    const bound = least * Math.abs(first)
    const doubt = 3 * error * (n - 1)
    const isTold = fall + doubt < bound || fall - doubt > bound
    return isTold ? { first, fall } : null
  }
}
