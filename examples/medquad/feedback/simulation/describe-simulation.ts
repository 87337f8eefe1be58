import { bootstrapInterval, type Interval, proportion, type Proportion } from 'peft-medaware'
import type { GateReport, GateSet } from '../round/gate.ts'
import type { Knowledge } from './measure-facts.ts'

/** What becomes of a fact: it changes, or it stays, and is or is not among the earlier corrections that are replayed. */
export type Role = 'changed' | 'stored' | 'elsewhere'

/** What a model knew of a fact before a round and after it. */
export interface FactRecord {
  readonly role: Role
  readonly kind: string
  readonly condition: string
  readonly before: Omit<Knowledge, 'answer'>
  readonly after: Knowledge
}

/** A round of the simulation. */
export interface ArmRecord {
  readonly arm: string
  readonly seed: number
  readonly steps: number
  readonly seconds: number
  /** The base's loss on the held-out questions, nats a token. */
  readonly base: number
  /** What the gate of a round says of it, against the model that was taught. */
  readonly gate: GateReport
  readonly facts: readonly FactRecord[]
}

/** Figures of an arm, over all of its seeds; null for a share of nothing. */
export interface ArmFigures {
  /** Runs, each of another seed. */
  readonly runs: number
  /** Changed facts: the new answer is likelier than the old one, the greedy answer says the new value, and both. */
  readonly learntLikelier: Proportion | null
  readonly learntSaid: Proportion | null
  readonly learnt: Proportion | null
  /** Of the facts that stay and were known before, those that are not known after: all, and by where they were. */
  readonly forgotten: Proportion | null
  readonly forgottenStored: Proportion | null
  readonly forgottenElsewhere: Proportion | null
  /** Changes of the gate's losses, over the runs; of a single one over diseases. */
  readonly heldOutChange: Interval
  readonly guardChange: Interval
  /** Runs that the gate lets through. */
  readonly kept: number
}

/** A fact that stays is known where the old value is said, and likelier than another. */
const isKnown = ({ saysOld, oldNats, newNats }: Omit<Knowledge, 'answer'>) => saysOld && oldNats < newNats

/**
 * Shares of facts, with Wilson intervals over facts and runs together: each seed invents others. Facts of one run share
 * its training, so that the intervals are too narrow by what runs differ.
 */
export function describeArm(records: readonly ArmRecord[]): ArmFigures {
  const facts = records.flatMap((record) => record.facts)
  const changed = facts.filter(({ role }) => role === 'changed')
  const known = facts.filter(({ role, before }) => role !== 'changed' && isKnown(before))
  const share = (some: readonly FactRecord[], isSo: (fact: FactRecord) => boolean) => {
    return some.length === 0 ? null : proportion(some.map(isSo))
  }
  const isLikelier = ({ after }: FactRecord) => after.newNats < after.oldNats
  const isForgotten = ({ after }: FactRecord) => !isKnown(after)
  const forgottenOf = (of: Role) =>
    share(
      known.filter(({ role }) => role === of),
      isForgotten,
    )
  return {
    runs: records.length,
    learntLikelier: share(changed, isLikelier),
    learntSaid: share(changed, ({ after }) => after.saysNew),
    learnt: share(changed, (fact) => isLikelier(fact) && fact.after.saysNew),
    forgotten: share(known, isForgotten),
    forgottenStored: forgottenOf('stored'),
    forgottenElsewhere: forgottenOf('elsewhere'),
    heldOutChange: changeOf(records, 'held-out'),
    guardChange: changeOf(records, 'guard'),
    kept: records.filter(({ gate }) => gate.isKept).length,
  }
}

function changeOf(records: readonly ArmRecord[], set: GateSet['name']): Interval {
  const sets = records.flatMap(({ gate }) => gate.sets.filter(({ name }) => name === set))
  const changes = sets.map(({ change }) => change)
  const [only] = changes
  if (changes.length === 1 && only !== undefined) return only
  return bootstrapInterval(
    changes.map(({ value }) => value),
    (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  )
}
