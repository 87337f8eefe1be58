import { check, MedAwareError } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { CausalLm, TokenBatch } from './causal-lm.ts'

/** Tokens to learn from or to be measured on. */
export interface Example {
  readonly inputIds: Int32Array
  /** One a token: the token itself where it is to be predicted, -100 where not (a prompt). */
  readonly labels: Int32Array
  /** UTF-8 bytes of the text that the labels stand for, for bits per byte. */
  readonly bytes?: number
}

/** The label of a token that is not to be predicted. */
export const ignoredLabel = -100

/** What of a model says which labels count. */
export type Predictor = Pick<CausalLm, 'predictsFirst'>

/**
 * Number of tokens of an example that a model predicts: labels but the first, which nothing precedes unless a prompt of
 * vectors does. @param model Default: one without a prompt.
 */
export function labelCount(example: Example, model: Predictor = {}): number {
  const { labels } = readExample('labelCount', 'the example', example, Infinity)
  return predictedLabels(labels, labels.length, model)
}

/** Labels that a model predicts, of rows of so many tokens: those that its own loss is a sum over. */
export function predictedLabels(labels: Int32Array, tokens: number, { predictsFirst = false }: Predictor): number {
  return labels.reduce((count, label, i) => count + +((predictsFirst || i % tokens > 0) && label >= 0), 0)
}

/**
 * Examples side by side, padded on the right to the longest; a causal model needs no mask for that.
 * @throws MedAwareError as `readExamples`, and `config` for none.
 */
export function collate(examples: readonly Example[]): { batch: TokenBatch; labels: Int32Array } {
  const rows = readExamples('collate', examples)
  check(rows.length > 0, 'config', () => 'collate: there is no example')
  const tokens = rows.reduce((most, { inputIds }) => Math.max(most, inputIds.length), 0)
  const inputIds = new Int32Array(rows.length * tokens)
  const labels = new Int32Array(rows.length * tokens).fill(ignoredLabel)
  rows.forEach((row, i) => {
    inputIds.set(row.inputIds, i * tokens)
    labels.set(row.labels, i * tokens)
  })
  return { batch: { inputIds, shape: [rows.length, tokens] }, labels }
}

/**
 * Examples one behind another in one row, without padding: positions begin anew with each, so that none sees another,
 * and its first token is not predicted from the one before (transformers' DataCollatorWithFlattening). Weights see the
 * same tokens as with `collate`, and nothing is computed for padding.
 * @throws MedAwareError as `collate`.
 */
export function collatePacked(examples: readonly Example[]): { batch: TokenBatch; labels: Int32Array } {
  const rows = readExamples('collatePacked', examples)
  check(rows.length > 0, 'config', () => 'collatePacked: there is no example')
  const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0)
  const [inputIds, labels, positionIds] = [new Int32Array(tokens), new Int32Array(tokens), new Int32Array(tokens)]
  let at = 0
  for (const row of rows) {
    inputIds.set(row.inputIds, at)
    labels.set(row.labels, at)
    if (row.labels.length > 0) labels[at] = ignoredLabel
    positionIds.set([...row.inputIds.keys()], at)
    at += row.inputIds.length
  }
  return { batch: { inputIds, shape: [1, tokens], positionIds }, labels }
}

/**
 * Checks what a caller gives as examples.
 * @param vocabSize Ids are below it. Default: any number.
 * @returns The same, ids and labels that were plain lists as arrays.
 * @throws MedAwareError `config` for what are no examples, an id or a label that is no token's, and `shape` when labels
 * and ids differ in number; it names the row.
 */
export function readExamples(who: string, examples: unknown, vocabSize = Infinity): Example[] {
  check(Array.isArray(examples), 'config', () => `${who}: examples must be a list of ${wanted}, got ${show(examples)}`)
  return Array.from(examples, (example: unknown, i) => readExample(who, `example ${i}`, example, vocabSize))
}

const wanted = '{ inputIds, labels }'

function readExample(who: string, name: string, example: unknown, vocabSize: number): Example {
  const at = `${who}: ${name}`
  if (typeof example !== 'object' || example === null || !('inputIds' in example)) {
    const remedy =
      example === null
        ? 'promptCompletionExample gives null for a text without anything to learn; leave those out'
        : 'promptCompletionExample makes one of { prompt, completion }'
    throw new MedAwareError('config', `${at} must be ${wanted}, got ${show(example)}; ${remedy}`)
  }
  const { inputIds, labels, bytes } = example as Readonly<Record<keyof Example, unknown>>
  const most = vocabSize - 1
  const ids = readNumbers(at, 'inputIds', inputIds, 0, most)
  check(labels !== undefined, 'config', () => {
    return `${at} has no labels; give one a token: its id where it is to be predicted, ${ignoredLabel} where not`
  })
  const targets = readNumbers(at, 'labels', labels, ignoredLabel, most)
  check(ids.length === targets.length, 'shape', () => `${at} has ${ids.length} ids and ${targets.length} labels`)
  const isSize = bytes === undefined || (typeof bytes === 'number' && bytes >= 0 && bytes < Infinity)
  check(isSize, 'config', () => `${at}: bytes must be a number from 0, got ${show(bytes)}`)
  if (ids === inputIds && targets === labels) return example as Example
  return { inputIds: ids, labels: targets, ...(typeof bytes === 'number' && { bytes }) }
}

/** Whole numbers from 0 to `most`, or just `least`. */
function readNumbers(at: string, name: keyof Example, given: unknown, least: number, most: number): Int32Array {
  const isList = given instanceof Int32Array || Array.isArray(given)
  check(isList, 'config', () => `${at}: ${name} must be an Int32Array, got ${show(given)}`)
  const values = given as Int32Array | readonly unknown[]
  const limit = Math.min(most, 0x7fffffff)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const isToken = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= limit
    if (isToken || (value === least && least < 0)) continue
    const range = most === Infinity ? 'from 0' : `from 0 to ${most}, below the model's vocabSize`
    const or = least < 0 ? `${least} or ` : ''
    throw new MedAwareError('config', `${at}: ${name}[${i}] must be ${or}a whole number ${range}, got ${show(value)}`)
  }
  return values instanceof Int32Array ? values : Int32Array.from(values as readonly number[])
}
