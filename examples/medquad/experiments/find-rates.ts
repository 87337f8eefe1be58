import { type Kind, trialOf } from './arms.ts'
import type { ArmRecord, Bench } from './run-arm.ts'

/** A learning rate that was tried, and Σ nats on the validation part over bytes · ln 2; `null` where it diverged. */
export interface Trial {
  readonly kind: string
  readonly learningRate: number
  readonly bitsPerByte: number
}

/** How a rate is sought. */
export interface RateSearch {
  /** Steps of a trial. */
  readonly steps: number
  /** Runs a trial on the validation part; null where it has not been run and is not to be. */
  readonly run: (arm: ReturnType<typeof trialOf>) => Promise<ArmRecord | null>
  /** Of the validation part's answers. */
  readonly bytes: number
  /** By how much the first rate is multiplied for this base. */
  readonly scale: number
}

/** The factor between two rates, and trials of a kind at most. */
const factor = 4
const most = 6

/**
 * Tries rates around a kind's first guess, and further ones as long as the best lies at an edge, so that no kind is
 * judged by a rate that does not suit it.
 * @returns None where a trial is wanting.
 */
export async function findRate(kind: Kind, { steps, run, bytes, scale }: RateSearch): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const attempt = async (learningRate: number) => {
    const record = await run(trialOf(kind, learningRate, steps))
    if (record === null) return false
    const nats = record.measured.at(-1)?.nats ?? []
    trials.push({ kind: kind.name, learningRate, bitsPerByte: nats.reduce((a, b) => a + b, 0) / (bytes * Math.LN2) })
    trials.sort((a, b) => a.learningRate - b.learningRate)
    return true
  }
  const rounded = (value: number) => Number(value.toPrecision(3))
  const first = kind.rate * scale
  for (const rate of [first / factor, first, first * factor]) if (!(await attempt(rounded(rate)))) return []
  while (trials.length < most) {
    const { learningRate } = bestOf(trials)
    const isLowest = learningRate === trials[0]?.learningRate
    if (!isLowest && learningRate !== trials.at(-1)?.learningRate) break
    if (!(await attempt(rounded(isLowest ? learningRate / factor : learningRate * factor)))) return []
  }
  return trials
}

/** The trial of the lowest loss. */
export function bestOf(trials: readonly Trial[]): Trial {
  return trials.reduce((best, each) => (each.bitsPerByte < best.bitsPerByte ? each : best))
}

/** Σ bytes of the answers that a bench measures on. */
export function bytesOf({ heldOut }: Pick<Bench, 'heldOut'>): number {
  return heldOut.reduce((sum, { example }) => sum + (example.bytes ?? NaN), 0)
}
