import { check } from '../core/errors.ts'
import { namedRow, NamedRows } from '../core/named-rows.ts'
import { readArgument, type Rule, that, withMethods } from '../core/options.ts'
import { show, showNames } from '../core/show.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { adamw8bitRow } from './adamw-8bit.ts'
import { adamwRow } from './adamw.ts'
import { lionRow } from './lion.ts'
import { muonRow } from './muon.ts'
import type { OptimizerRow } from './optimizer-row.ts'
import type { Optimizer, OptimizerContext, OptimizerFactory } from './optimizer.ts'
import { sgdRow } from './sgd.ts'

/** The optimizers that come with the library, by their names. */
const ownRows = { adamw: adamwRow, adamw_8bit: adamw8bitRow, lion: lionRow, sgd: sgdRow, muon: muonRow } as const

/** Names of the optimizers that come with the library. */
export type OptimizerName = keyof typeof ownRows

type SettingsOf<Row> = Row extends OptimizerRow<infer O> ? O : never

/**
 * An optimizer of the table with settings: `{ type: 'adamw', betas: [0.9, 0.98] }`. A row of your own is named alike.
 */
export type OptimizerSpec =
  | { [Name in OptimizerName]: { readonly type: Name } & SettingsOf<(typeof ownRows)[Name]> }[OptimizerName]
  | { readonly type: string; readonly [setting: string]: unknown }

/** How a run is told its optimizer: a name, a name with settings, a function that makes one, or one that is made. */
export type OptimizerChoice = OptimizerName | (string & {}) | OptimizerSpec | OptimizerFactory | Optimizer

/** A choice that was read: every setting of a row is filled in. */
export type ResolvedOptimizer = OptimizerSpec | OptimizerFactory | Optimizer

/** Settings by name, `undefined` like one that was not given. */
export type Settings = Readonly<Record<string, unknown>>

const rowOf = <O extends object>(row: OptimizerRow<O>) =>
  namedRow<O, OptimizerFactory>(row, (settings) => (parameters, context) => {
    return row.create(parameters, { ...settings, ...context })
  })

const rows = new NamedRows('optimizer', [
  ['adamw', rowOf(ownRows.adamw)],
  ['adamw_8bit', rowOf(ownRows.adamw_8bit)],
  ['lion', rowOf(ownRows.lion)],
  ['sgd', rowOf(ownRows.sgd)],
  ['muon', rowOf(ownRows.muon)],
])

/**
 * Adds an optimizer to the table, so that a run takes its name.
 * @param name Such as 'sophia'.
 * @throws MedAwareError `config` for a name or another word that the table has already.
 */
export function registerOptimizer<O extends object>(name: string, row: OptimizerRow<O>): void {
  rows.add('registerOptimizer', name, rowOf(readArgument('registerOptimizer', 'row', row, rowRule<O>())))
}

/**
 * Reads the choice of an optimizer.
 * @param who Whose option `optimizer` it is, such as 'TrainingRun'.
 * @param beside Settings that were given outside of it, for an optimizer of the table.
 * @throws MedAwareError `config` for an unknown name, setting or value, and for a setting that is given twice or to
 * none that takes it.
 */
export function resolveOptimizer(who: string, given: OptimizerChoice, beside: Settings = {}): ResolvedOptimizer {
  const at = `${who}: optimizer`
  const names = Object.keys(beside).filter((name) => beside[name] !== undefined)
  if (typeof given === 'function' || isOptimizer(given)) {
    check(names.length === 0, 'config', () => {
      return `${who}: ${names.join(', ')} cannot be given beside an optimizer of your own; give them to it`
    })
    return given
  }
  const { type, ...settings } = typeof given === 'string' ? { type: given } : given
  const [name, row] = rows.get(at, type)
  for (const each of names) {
    check(row.settings.includes(each), 'config', () => {
      return `${who}: ${each} is no setting of ${name}, which has ${showNames(row.settings, 24)}`
    })
    check(!Object.hasOwn(settings, each), 'config', () => `${who}: ${each} is given twice, also in optimizer`)
  }
  const extra = Object.fromEntries(names.map((each) => [each, beside[each]]))
  return Object.freeze({ type: name, ...row.resolve(at, { ...settings, ...extra }).settings })
}

/** Names of the settings that an optimizer of the table has. @throws MedAwareError `config` for an unknown name. */
export function settingsOfOptimizer(who: string, name: string): readonly string[] {
  return rows.get(who, name)[1].settings
}

/**
 * Makes the optimizer of a choice for some parameters, or sees that one which is made already trains just these. Biases
 * and norms, which have one dimension, do not decay.
 * @param who Begins an error's sentence. @param choice As `resolveOptimizer` gave it.
 * @param rates Factors on the learning rate of some parameters, which one that is made already does not take.
 * @throws MedAwareError `config`; as the optimizer's constructor.
 */
export function createOptimizer(
  who: string,
  choice: ResolvedOptimizer,
  parameters: readonly Tensor[],
  rates: OptimizerContext['rates'] = new Map(),
): Optimizer {
  if (isOptimizer(choice)) {
    check(rates.size === 0, 'config', () => {
      return `${who}: an optimizer that is made already cannot be given rates for parameters, such as LoRA+'s; give a function that makes it`
    })
    return checkTrains(who, choice, parameters)
  }
  const context: OptimizerContext = { noDecay: new Set(parameters.filter(({ shape }) => shape.length < 2)), rates }
  if (typeof choice === 'function') {
    const made = readArgument(who, 'what the function optimizer gives', choice(parameters, context), optimizerRule)
    try {
      return checkTrains(who, made, parameters)
    } catch (error) {
      made.dispose()
      throw error
    }
  }
  const { type, ...settings } = choice
  const at = `${who}: optimizer`
  const [, row] = rows.get(at, type)
  return row.resolve(at, settings).make(parameters, context)
}

const optimizerRule = withMethods<Optimizer>('an optimizer with step, state and dispose', ['step', 'state', 'dispose'])

const isSpec = (value: unknown): value is { readonly type: string } & Settings =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'

/** What an optimizer is chosen by; `resolveOptimizer` reads it. */
export const optimizerChoiceRule: Rule<OptimizerChoice> = that(
  "a name such as 'adamw', { type: 'adamw', … }, a function that makes an optimizer, or an optimizer",
  (value): value is OptimizerChoice =>
    typeof value === 'string' || typeof value === 'function' || isOptimizer(value) || isSpec(value),
)

function rowRule<O extends object>() {
  return withMethods<OptimizerRow<O>>('a row with settings, defaults and create', ['create'])
}

function isOptimizer(value: unknown): value is Optimizer {
  return optimizerRule.read(value, '') !== undefined
}

function checkTrains(who: string, optimizer: Optimizer, parameters: readonly Tensor[]): Optimizer {
  const own = new Set(optimizer.parameters)
  const isSame = own.size === parameters.length && parameters.every((parameter) => own.has(parameter))
  check(isSame, 'config', () => {
    return (
      `${who}: the optimizer ${show(optimizer.name)} trains ${own.size} parameters, which are not the model's ` +
      `${parameters.length}; make it for model.trainableParameters()`
    )
  })
  check(optimizer.steps === 0, 'config', () => {
    return `${who}: the optimizer ${show(optimizer.name)} has taken ${optimizer.steps} steps; make a new one for a run`
  })
  return optimizer
}
