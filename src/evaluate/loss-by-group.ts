import { check } from '../core/errors.ts'
import { readOptions } from '../core/options.ts'
import { bootstrapInterval, type BootstrapOptions, bootstrapRules, type Interval } from './bootstrap.ts'

/** What an example comes to. */
export interface ExampleLoss {
  /** Σ cross-entropy of its labels. */
  readonly nats: number
  /** Its labels that are predicted. */
  readonly tokens: number
  /** UTF-8 bytes of the text that they stand for; `null` where that is not known. */
  readonly bytes: number | null
}

/** Figures of some examples together, each token and byte weighing alike. */
export interface LossFigures {
  /** Examples that have a label. */
  readonly examples: number
  readonly tokens: number
  /** Nats a token. */
  readonly loss: Interval
  /** Σ nats / (Σ bytes · ln 2); `null` unless every example says its bytes. */
  readonly bitsPerByte: Interval | null
}

/** A group's figures; its intervals are over its examples. */
export interface GroupLoss extends LossFigures {
  readonly group: string
}

/** Figures of all, with intervals over groups, and of each group, those with the most examples first. */
export interface LossByGroup extends LossFigures {
  readonly groups: readonly GroupLoss[]
}

/**
 * Losses by group, such as the disease that a question is about, with bootstrap intervals. Those of all examples are
 * over whole groups, since what belongs to one group is alike, and drawing rows would take intervals too narrow.
 * @param losses As `evaluateLoss` has them in `examples`; those without a label are passed over.
 * @param groups The group of each.
 * @throws MedAwareError `config` where they differ in number, where none has a label, and for senseless options.
 */
export function lossByGroup(
  losses: readonly ExampleLoss[],
  groups: readonly string[],
  options: BootstrapOptions = {},
): LossByGroup {
  return figuresByGroup('lossByGroup', losses, groups, options)
}

/**
 * By how much losses changed, group by group: figures after less figures before, each draw taking the same examples of
 * both, so that what makes an example hard falls out of the interval.
 * @throws MedAwareError as `lossByGroup`, and `config` where the examples have not the same tokens.
 */
export function lossChangeByGroup(
  before: readonly ExampleLoss[],
  after: readonly ExampleLoss[],
  groups: readonly string[],
  options: BootstrapOptions = {},
): LossByGroup {
  const who = 'lossChangeByGroup'
  const isSame = before.length === after.length && before.every(({ tokens }, i) => tokens === after[i]?.tokens)
  check(isSame, 'config', () => {
    return `${who}: before and after are not of the same examples: ${before.length} and ${after.length} of them, or other tokens`
  })
  const changes = before.map((one, i) => ({ ...one, nats: (after[i]?.nats ?? NaN) - one.nats }))
  return figuresByGroup(who, changes, groups, options)
}

function figuresByGroup(
  who: string,
  losses: readonly ExampleLoss[],
  names: readonly string[],
  given: BootstrapOptions,
): LossByGroup {
  const options = readOptions(who, given, bootstrapRules)
  check(losses.length === names.length, 'config', () => {
    return `${who}: there are ${losses.length} losses and ${names.length} groups; give the group of each loss`
  })
  const groups = new Map<string, ExampleLoss[]>()
  for (const [i, loss] of losses.entries()) {
    if (loss.tokens === 0) continue
    const name = names[i] ?? ''
    groups.set(name, [...(groups.get(name) ?? []), loss])
  }
  check(groups.size > 0, 'config', () => `${who}: none of ${losses.length} examples has a label`)
  const largestFirst = [...groups].sort(([, some], [, others]) => others.length - some.length)
  return {
    ...figuresOf([...groups.values()].map(sumOf), options),
    groups: largestFirst.map(([group, rows]) => ({
      group,
      ...figuresOf(
        rows.map((row) => sumOf([row])),
        options,
      ),
    })),
  }
}

/** What is drawn together. */
type Unit = Readonly<Record<'examples' | 'nats' | 'tokens' | 'bytes', number>>

/** Bytes are NaN where one of them is not known. */
function sumOf(losses: readonly ExampleLoss[]): Unit {
  const total = (of: (loss: ExampleLoss) => number) => losses.reduce((sum, loss) => sum + of(loss), 0)
  return {
    examples: losses.length,
    nats: total(({ nats }) => nats),
    tokens: total(({ tokens }) => tokens),
    bytes: total(({ bytes }) => bytes ?? NaN),
  }
}

function figuresOf(units: readonly Unit[], options: BootstrapOptions): LossFigures {
  const total = (some: readonly Unit[], key: keyof Unit) => some.reduce((sum, unit) => sum + unit[key], 0)
  const share = (of: 'tokens' | 'bytes', per: number) => {
    return bootstrapInterval(units, (some) => total(some, 'nats') / (total(some, of) * per), options)
  }
  return {
    examples: total(units, 'examples'),
    tokens: total(units, 'tokens'),
    loss: share('tokens', 1),
    bitsPerByte: total(units, 'bytes') > 0 ? share('bytes', Math.LN2) : null,
  }
}
