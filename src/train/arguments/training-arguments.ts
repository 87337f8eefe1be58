import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../../core/json.ts'
import { nearestName } from '../../core/nearest.ts'
import { show } from '../../core/show.ts'
import { settingsOfOptimizer } from '../../optim/optimizers.ts'
import { readUnknown } from '../../core/options.ts'
import { trainingAliases, type TrainingOptions, trainingRules } from '../training-options.ts'
import { type ArgumentOwner, argumentTable } from './argument-table.ts'

/** An argument that has no meaning here. */
export interface PassedOver {
  /** As it was given. */
  readonly name: string
  readonly why: string
}

/** Arguments of transformers and TRL as options of this library, by whose they are. */
export interface ReadArguments {
  /** For a `TrainingRun` or a `Trainer`. */
  readonly run: TrainingOptions<unknown>
  /** For a `Trainer`, which checks them: `evalSteps`, `saveSteps` and such. */
  readonly trainer: JsonObject
  /** For `prepareExamples`, which checks them: `maxLength`, `packing` and such. */
  readonly data: JsonObject
  /** For `trainDpo`, beside the rest, which checks them: `beta`. */
  readonly dpo: JsonObject
  /** What was given, and is not what nobody says, and does nothing here. */
  readonly passedOver: readonly PassedOver[]
}

/**
 * Reads arguments of transformers' TrainingArguments or TRL's SFTConfig or DPOConfig, as a file or Python's `to_dict`
 * has them: in snake_case, or in camelCase, null like what is not given. What cannot be followed and would change what
 * is learned is refused; what has no meaning here is told. `null` and transformers' own defaults of the trainer and the
 * data are left to those who read them.
 * @throws MedAwareError `config` for an unknown name, the same one twice, a value out of range, or an argument that
 * cannot be followed.
 */
export function trainingArguments(given: JsonObject): ReadArguments {
  const who = 'trainingArguments'
  check(isJsonObject(given), 'config', () => `${who}: arguments must be an object, got ${show(given)}`)
  const read: Record<ArgumentOwner, Record<string, unknown>> = { run: {}, trainer: {}, data: {}, dpo: {} }
  const passedOver: PassedOver[] = []
  for (const [name, value] of Object.entries(given)) {
    const { key, argument } = argumentOf(who, name)
    const { to, as = key, usual = [], why = '', isRefused = false } = argument
    if (value === null || value === undefined || usual.some((each) => isSame(each, value))) continue
    if (to !== null) {
      const isTwice = Object.hasOwn(read[to], as) && !isSame(read[to][as], value)
      check(!isTwice, 'config', () => `${who}: ${show(name)} is given twice, also by another name of ${as}`)
      read[to][as] = value
      continue
    }
    check(!isRefused, 'config', () => `${who}: ${name} ${show(value)} cannot be followed: ${why}`)
    passedOver.push({ name, why })
  }
  const { run, trainer, data, dpo } = read
  readSchedule(who, run)
  passedOver.push(...dropIdle(who, run))
  const { metricForBestModel: metric } = trainer
  if (typeof metric === 'string') trainer.metricForBestModel = camelCase(metric.replace(/^(eval_)?/, 'eval_'))
  const checked = readUnknown<TrainingOptions<unknown>>(who, run, trainingRules, trainingAliases)
  return { run: checked, trainer, data, dpo, passedOver }
}

/** What an argument means, and its name in camelCase. */
function argumentOf(who: string, name: string) {
  const key = camelCase(name)
  const argument = Object.hasOwn(argumentTable, key) ? argumentTable[key] : undefined
  check(argument !== undefined, 'config', () => {
    const near = nearestName(name, Object.keys(argumentTable))
    return `${who}: there is no argument ${show(name)}${near === null ? '' : `; did you mean ${near}?`}`
  })
  return { key, argument }
}

function readSchedule(who: string, run: Record<string, unknown>): void {
  const { lrSchedulerKwargs: given, trainSamplingStrategy: sampling } = run
  const settings = typeof given === 'string' ? parseJsonObject(`${who}: lr_scheduler_kwargs`, given) : given
  if (isJsonObject(settings)) {
    const entries = Object.entries(settings).map(([name, value]) => [camelCase(name), value] as const)
    run.lrSchedulerKwargs = Object.fromEntries(entries)
  }
  if (sampling === undefined) return
  check(sampling === 'group_by_length', 'config', () => {
    return `${who}: train_sampling_strategy must be 'random' or 'group_by_length', got ${show(sampling)}`
  })
  delete run.trainSamplingStrategy
  run.groupByLength = true
}

/** Takes away what transformers does not heed either, and says so. */
function dropIdle(who: string, run: Record<string, unknown>): PassedOver[] {
  const { lrSchedulerType: type, optim = 'adamw' } = run
  const settings = typeof optim === 'string' ? settingsOfOptimizer(`${who}: optim`, optim) : []
  const lacks = (name: string, setting: string) =>
    settings.includes(setting) ? [] : [[name, `${show(optim)} has no ${setting}`] as const]
  const idle: (readonly [name: string, why: string])[] = [
    ...lacks('adamBeta1', 'betas'),
    ...lacks('adamBeta2', 'betas'),
    ...lacks('adamEpsilon', 'eps'),
    ...lacks('weightDecay', 'weightDecay'),
  ]
  if (type === 'constant' || type === 'reduce_lr_on_plateau') {
    const why = `transformers' ${type} has no warm-up`
    idle.push(['warmupSteps', why], ['warmupRatio', why])
  }
  const given = idle.filter(([name]) => Object.hasOwn(run, name))
  for (const [name] of given) Reflect.deleteProperty(run, name)
  return given.map(([name, why]) => ({ name, why }))
}

function camelCase(name: string): string {
  return name.replaceAll(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
