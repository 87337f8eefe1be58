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
  /**
   * Tokens of each document, where several are packed one behind another: none sees another, and positions begin anew
   * with each. TRL's `seq_lengths`. Default: one document.
   */
  readonly seqLengths?: readonly number[]
}

/** The label of a token that is not to be predicted. */
export const ignoredLabel = -100

/** What of a model says which labels count. */
export type Predictor = Pick<CausalLm, 'predictsFirst'>

/**
 * Number of tokens of an example that a model predicts: labels but each document's first, which nothing precedes unless
 * a prompt of vectors does. @param model Default: one without a prompt.
 */
export function labelCount(example: Example, model: Predictor = {}): number {
  const { labels, seqLengths = [] } = readExample('labelCount', 'the example', example, Infinity)
  const inner = startsOf(seqLengths).filter((at) => at > 0 && (labels[at] ?? ignoredLabel) >= 0)
  return predictedLabels(labels, labels.length, model) - inner.length
}

/** Where documents of these lengths begin, one behind another; empty ones begin nowhere. */
function startsOf(seqLengths: readonly number[]): number[] {
  let at = 0
  return seqLengths.flatMap((length) => {
    at += length
    return length > 0 ? [at - length] : []
  })
}

/** Labels that a model predicts, of rows of so many tokens: those that its own loss is a sum over. */
export function predictedLabels(labels: Int32Array, tokens: number, { predictsFirst = false }: Predictor): number {
  return labels.reduce((count, label, i) => count + +((predictsFirst || i % tokens > 0) && label >= 0), 0)
}

/**
 * Examples side by side, padded on the right to the longest; a causal model needs no mask for that. Where one of them
 * holds several documents, positions say where each begins, and its first token is not predicted.
 * @throws MedAwareError as `readExamples`, and `config` for none.
 */
export function collate(examples: readonly Example[]): { batch: TokenBatch; labels: Int32Array } {
  const rows = readSome('collate', examples)
  const tokens = rows.reduce((most, { inputIds }) => Math.max(most, inputIds.length), 0)
  const places = rows.map((row, i) => ({ row, at: i * tokens, seqLengths: row.seqLengths ?? [row.inputIds.length] }))
  if (rows.some(({ seqLengths = [] }) => seqLengths.length > 1)) return packed(places, [rows.length, tokens])
  const inputIds = new Int32Array(rows.length * tokens)
  const labels = new Int32Array(rows.length * tokens).fill(ignoredLabel)
  for (const { row, at } of places) {
    inputIds.set(row.inputIds, at)
    labels.set(row.labels, at)
  }
  return { batch: { inputIds, shape: [rows.length, tokens] }, labels }
}

/**
 * Examples one behind another in one row, without padding: positions begin anew with each, so that none sees another,
 * and its first token is not predicted from the one before (transformers' DataCollatorWithFlattening). Weights see the
 * same tokens as with `collate`, and nothing is computed for padding.
 * @throws MedAwareError as `collate`.
 */
export function collatePacked(examples: readonly Example[]): { batch: TokenBatch; labels: Int32Array } {
  const rows = readSome('collatePacked', examples)
  let tokens = 0
  const places = rows.map((row) => {
    tokens += row.inputIds.length
    return { row, at: tokens - row.inputIds.length, seqLengths: row.seqLengths ?? [row.inputIds.length] }
  })
  return packed(places, [1, tokens])
}

/** Rows in their places, each document with positions of its own; padding goes on with those of the one before. */
function packed(
  places: readonly { readonly row: Example; readonly at: number; readonly seqLengths: readonly number[] }[],
  shape: readonly [number, number],
): { batch: TokenBatch; labels: Int32Array } {
  const length = shape[0] * shape[1]
  const [inputIds, positionIds] = [new Int32Array(length), new Int32Array(length)]
  const labels = new Int32Array(length).fill(ignoredLabel)
  const starts = new Set(places.flatMap(({ at, seqLengths }) => startsOf(seqLengths).map((start) => at + start)))
  for (const { row, at } of places) {
    inputIds.set(row.inputIds, at)
    labels.set(row.labels, at)
  }
  for (let i = 0; i < length; i++) {
    const isFirst = starts.has(i)
    positionIds[i] = isFirst || i % shape[1] === 0 ? 0 : (positionIds[i - 1] ?? 0) + 1
    if (isFirst) labels[i] = ignoredLabel
  }
  return { batch: { inputIds, shape: [shape[0], shape[1]], positionIds }, labels }
}

/** @throws MedAwareError as `readExamples`, and `config` for none. */
function readSome(who: string, examples: unknown): Example[] {
  const rows = readExamples(who, examples)
  check(rows.length > 0, 'config', () => `${who}: there is no example`)
  return rows
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
  const { inputIds, labels, bytes, seqLengths } = example as Readonly<Record<keyof Example, unknown>>
  const most = vocabSize - 1
  const ids = readNumbers(at, 'inputIds', inputIds, 0, most)
  check(labels !== undefined, 'config', () => {
    return `${at} has no labels; give one a token: its id where it is to be predicted, ${ignoredLabel} where not`
  })
  const targets = readNumbers(at, 'labels', labels, ignoredLabel, most)
  check(ids.length === targets.length, 'shape', () => `${at} has ${ids.length} ids and ${targets.length} labels`)
  const isSize = bytes === undefined || (typeof bytes === 'number' && bytes >= 0 && bytes < Infinity)
  check(isSize, 'config', () => `${at}: bytes must be a number from 0, got ${show(bytes)}`)
  const documents = seqLengths === undefined ? undefined : readLengths(at, seqLengths, ids.length)
  if (ids === inputIds && targets === labels) return example as Example
  return {
    inputIds: ids,
    labels: targets,
    ...(typeof bytes === 'number' && { bytes }),
    ...(documents && { seqLengths: documents }),
  }
}

/** Lengths of documents, which make up the whole. */
function readLengths(at: string, given: unknown, tokens: number): readonly number[] {
  const isLengths = Array.isArray(given) && given.every((length) => Number.isSafeInteger(length) && Number(length) >= 0)
  check(isLengths, 'config', () => `${at}: seqLengths must be a list of whole numbers from 0, got ${show(given)}`)
  const lengths = given as readonly number[]
  const sum = lengths.reduce((all, length) => all + length, 0)
  check(sum === tokens, 'shape', () => `${at}: seqLengths add up to ${sum}, and there are ${tokens} tokens`)
  return lengths
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
    const remedy = Number.isInteger(value) && Number(value) > limit ? "; is this the model's tokenizer?" : ''
    const rule = `must be ${or}a whole number ${range}`
    throw new MedAwareError('config', `${at}: ${name}[${i}] ${rule}, got ${show(value)}${remedy}`)
  }
  return values instanceof Int32Array ? values : Int32Array.from(values as readonly number[])
}
