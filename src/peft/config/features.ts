import { MedAwareError } from '../../core/errors.ts'
import { show } from '../../core/show.ts'

/** A feature of PEFT that changes what an adapter computes, and that this library lacks. */
export interface Feature {
  /** Whether a value turns it off, as PEFT decides. */
  readonly isOff: (value: unknown) => boolean
  /** What it does. */
  readonly does: string
  /** What to do about an adapter that has it. */
  readonly remedy: string
}

/** Features by the field that turns them on, in our words. */
export type Features = Readonly<Record<string, Feature>>

/** What to do about an adapter that can be merged in PEFT. */
export const merge =
  'in PEFT, merge it into its base (model.merge_and_unload().save_pretrained(folder)) and load that folder as a model'
/** What to do about one that cannot. */
export const keep = 'run it in PEFT'

/** @param isOff Default: what says nothing turns it off. */
export function feature(does: string, remedy = merge, isOff: Feature['isOff'] = isEmpty): Feature {
  return { does, remedy, isOff }
}

/** For features that only null turns off. */
export function isNull(value: unknown): boolean {
  return value === null
}

/** Whether a value says nothing: null, false, '', [] or {}. */
export function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === null || value === undefined || value === false || value === ''
}

/** What every method of PEFT may have, and none has here. */
export const lackingAnywhere = {
  taskType: feature('is for another kind of model; here are causal language models', keep, (value) => {
    return value === 'CAUSAL_LM' || !isTask(value)
  }),
} satisfies Features

/** What methods that adapt weights in place may have besides. */
export const lackingTransposed = {
  fanInFanOut: feature('is for weights stored [in, out], which the models here are not', merge, (value) => {
    return value !== true
  }),
} satisfies Features

/**
 * Sees that a field which a method lacks is off.
 * @param name What the field is called where an adapter's file has it, whose training must not be lost.
 * @throws MedAwareError `unsupported`.
 */
export function checkOff(who: string, lacking: Features, field: string, value: unknown, name?: string): void {
  const found = Object.hasOwn(lacking, field) ? lacking[field] : undefined
  if (found === undefined || found.isOff(value)) return
  const remedy = name === undefined ? 'leave it out' : found.remedy
  const what = `${who}: ${name ?? field} ${show(value)} ${found.does}, which is not supported; ${remedy}`
  throw new MedAwareError('unsupported', what)
}

/** PEFT's other kinds of task (utils/peft_types.py, TaskType). */
function isTask(value: unknown): boolean {
  return ['SEQ_CLS', 'SEQ_2_SEQ_LM', 'TOKEN_CLS', 'QUESTION_ANS', 'FEATURE_EXTRACTION'].includes(String(value))
}
