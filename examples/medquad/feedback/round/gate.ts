import { type ExampleLoss, type Interval, lossChangeByGroup } from 'peft-medaware'

/** Losses of a model on the questions that a gate asks, which must be the same ones each time. */
export interface GateLosses {
  readonly heldOut: readonly GateLoss[]
  readonly guard: readonly GateLoss[]
}

/** A pair's loss. */
export interface GateLoss extends ExampleLoss {
  readonly id: string
  readonly disease: string
}

/** How one set of questions fared. */
export interface GateSet {
  readonly name: 'held-out' | 'guard'
  /** The version that the new one is held against. */
  readonly against: number
  readonly questions: number
  readonly diseases: number
  /** Nats a token, and by how much it changed, with its interval of 95 % over diseases. */
  readonly before: number
  readonly after: number
  readonly change: Interval
  /** Whether the whole interval lies above 0. */
  readonly isWorse: boolean
}

/** What the gate saw, and whether it lets a version through. */
export interface GateReport {
  readonly rule: string
  readonly sets: readonly GateSet[]
  readonly isKept: boolean
}

/** The rule, in a sentence. */
export const gateRule =
  'A version is rejected where the loss on the held-out questions or on the guard rose, against the active version or ' +
  'against the best one that it came from, and the whole bootstrap interval (95 %, over diseases) of the rise is above 0.'

/**
 * Holds a version against those that went before it: the active one and, so that many small losses do not add up
 * unseen, the best one of its line.
 * @param earlier By version, the active one first.
 */
export function gate(earlier: ReadonlyMap<number, GateLosses>, after: GateLosses): GateReport {
  const sets = [...earlier].flatMap(([against, before]) => [
    ...compare('held-out', against, before.heldOut, after.heldOut),
    ...compare('guard', against, before.guard, after.guard),
  ])
  return { rule: gateRule, sets, isKept: sets.every(({ isWorse }) => !isWorse) }
}

/** Questions that one of both was not asked, such as those that were corrected since, are passed over. */
function compare(
  name: GateSet['name'],
  against: number,
  before: readonly GateLoss[],
  after: readonly GateLoss[],
): GateSet[] {
  const earlier = new Map(before.map((loss) => [loss.id, loss]))
  const pairs = after.flatMap((is) => {
    const was = earlier.get(is.id)
    return was?.tokens === is.tokens && is.tokens > 0 ? [{ was, is }] : []
  })
  if (pairs.length === 0) return []
  const diseases = pairs.map(({ is }) => is.disease)
  const [was, is] = [pairs.map((pair) => pair.was), pairs.map((pair) => pair.is)]
  const { loss: change } = lossChangeByGroup(was, is, diseases)
  return [
    {
      ...{ name, against, questions: pairs.length, diseases: new Set(diseases).size },
      ...{ before: meanLoss(was), after: meanLoss(is), change },
      // With one disease there is no interval, and the change alone must do.
      isWorse: (change.low ?? change.value) > 0,
    },
  ]
}

/** Nats a token. */
export function meanLoss(losses: readonly ExampleLoss[]): number {
  const sum = (of: (loss: ExampleLoss) => number) => losses.reduce((total, loss) => total + of(loss), 0)
  return sum(({ nats }) => nats) / sum(({ tokens }) => tokens)
}
