import { check } from '../../core/errors.ts'
import { ignoredLabel, labelCount } from '../../models/example.ts'
import { renderChat } from '../chat/apply-chat-template.ts'
import { templateOf } from '../chat/chat-template.ts'
import type { Message } from '../chat/message.ts'
import { type ChatRenderer, chatRenderer } from '../chat/render-chat.ts'
import { datasetOf, type Row, type Rows } from '../dataset.ts'
import { endOf, type EndOfText, type ExampleTokenizer, readTokenizer } from '../example-tokenizer.ts'
import { readerFor } from '../layouts.ts'
import { pacedRows } from '../prepare-pace.ts'
import { type PrepareReport, PrepareTally } from '../prepare-report.ts'
import { chatOptionsOf } from '../row-encoder.ts'
import { commonPrefix, type PromptDifference, withEnd } from '../tokenized-row.ts'
import { type Preference, preferenceLayouts } from './preference-columns.ts'
import type { PreferenceExample } from './preference-example.ts'
import { type PreferenceOptions, readPreferenceOptions, type ResolvedPreferenceOptions } from './preference-options.ts'

/** Pairs of a data set, and what became of its rows; tokens and labels are those of both answers. */
export interface PreparedPreferences {
  readonly examples: PreferenceExample[]
  readonly report: PrepareReport
}

/** A prompt and the texts of it with either answer. */
interface Texts {
  readonly prompt: string
  readonly chosen: string
  readonly rejected: string
}

/**
 * Makes pairs of rows of `prompt`, `chosen` and `rejected`, or of the last two, which then begin with the prompt, as
 * TRL 1.16's DPOTrainer does (dpo_trainer.py's _prepare_dataset): EOS goes behind texts that do not end in it and
 * conversations end as their chat template says; the prompt is as far as its tokens alone are those of both answers'
 * texts. What is longer than `maxLength` is cut, and rows whose prompt alone fills that are left out; both are counted
 * and told once, as are pairs of the same answers, or of one that has nothing to learn.
 * @throws MedAwareError as `prepareExamples`.
 */
export async function preparePreferences(
  tokenizer: ExampleTokenizer,
  dataset: Rows,
  options: PreferenceOptions = {},
): Promise<PreparedPreferences> {
  const who = 'preparePreferences'
  const read = readPreferenceOptions(who, options)
  const eos = endOf(who, readTokenizer(who, tokenizer))
  const tally = new PrepareTally()
  const examples: PreferenceExample[] = []
  let encoder: Awaited<ReturnType<typeof preferenceEncoder>> | null = null
  const alike: number[] = []
  const empty: number[] = []
  for await (const [row, index] of pacedRows(datasetOf(who, dataset), read)) {
    encoder ??= await preferenceEncoder(who, tokenizer, row, read)
    tally.addRow()
    const pair = cut(
      encoder(row, index, (difference) => tally.addDifference(index, difference)),
      read,
      tally,
    )
    if (pair === null) {
      tally.addDropped()
      continue
    }
    if (isAlike(pair)) alike.push(index)
    if (labelCount(pair.chosen) === 0 || labelCount(pair.rejected) === 0) empty.push(index)
    tally.addExample(eos.id, pair.chosen, pair.rejected)
    examples.push(pair)
  }
  for (const warning of tally.warnings(who, read.most, eos.token)) read.onWarning(warning)
  const tellOf = (rows: readonly number[], what: string) => {
    if (rows.length === 0) return
    read.onWarning(`${who}: in ${rows.length} of ${examples.length} pairs, first of row ${rows[0]}, ${what}`)
  }
  tellOf(alike, 'chosen and rejected are the same tokens, so nothing is preferred')
  tellOf(empty, 'an answer has no token to learn, so its reward is 0 whatever is learned')
  return { examples, report: tally.report }
}

/** Tokens of a prompt that both texts begin with, and of both texts. */
interface EncodedPair {
  readonly promptLength: number
  readonly chosen: readonly number[]
  readonly rejected: readonly number[]
}

async function preferenceEncoder(
  who: string,
  tokenizer: ExampleTokenizer,
  first: Row,
  { columns, chatTemplate }: ResolvedPreferenceOptions,
): Promise<(row: Row, index: number, tell: (difference: PromptDifference) => void) => EncodedPair> {
  const names = { columns, datasetTextField: 'text' }
  const reader = readerFor(preferenceLayouts, who, first, names, (chatTemplate ?? tokenizer.chatTemplate) !== undefined)
  const isChat = reader.read(first, 0).type === 'chat'
  const renderer = isChat ? await openRenderer(who, tokenizer, first, chatTemplate) : null
  const eos = endOf(who, tokenizer)
  return (row, index, tell) => {
    const at = `${who}: row ${index}`
    const preference = reader.read(row, index)
    const isSame = (preference.type === 'chat') === isChat
    check(isSame, 'config', () => `${at}: holds ${isChat ? 'plain texts' : 'messages'}, and the first row does not`)
    const texts =
      preference.type === 'text' ? joined(preference, eos) : rendered(at, tokenizer, renderer, preference, row)
    const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: !isChat })
    const alone = encode(texts.prompt)
    const [chosen, rejected] = [texts.chosen, texts.rejected].map(encode)
    return told(texts.prompt, alone, chosen ?? [], rejected ?? [], tell)
  }
}

async function openRenderer(
  who: string,
  tokenizer: ExampleTokenizer,
  first: Row,
  chatTemplate: string | undefined,
): Promise<ChatRenderer> {
  const { tools = null } = chatOptionsOf(`${who}: row 0`, first)
  return chatRenderer(templateOf(who, tokenizer, chatTemplate, tools !== null))
}

function joined({ prompt, ...answers }: Preference & { readonly type: 'text' }, eos: EndOfText): Texts {
  const [chosen, rejected] = [answers.chosen, answers.rejected].map((text) => `${prompt}${withEnd(text, eos)}`)
  return { prompt, chosen: chosen ?? '', rejected: rejected ?? '' }
}

function rendered(
  at: string,
  tokenizer: ExampleTokenizer,
  renderer: ChatRenderer | null,
  { prompt, chosen, rejected }: Preference & { readonly type: 'chat' },
  row: Row,
): Texts {
  check(renderer !== null, 'config', () => `${at}: holds messages, and the first row plain texts`)
  const options = chatOptionsOf(at, row)
  const write = (messages: readonly Message[], addGenerationPrompt = false) => {
    return renderChat(at, renderer, tokenizer, messages, { ...options, addGenerationPrompt }).text
  }
  return {
    prompt: write(prompt, true),
    chosen: write([...prompt, ...chosen]),
    rejected: write([...prompt, ...rejected]),
  }
}

function told(
  prompt: string,
  alone: readonly number[],
  chosen: readonly number[],
  rejected: readonly number[],
  tell: (difference: PromptDifference) => void,
): EncodedPair {
  const promptLength = Math.min(commonPrefix(alone, chosen), commonPrefix(alone, rejected))
  if (promptLength < alone.length) tell({ prompt, from: promptLength })
  return { promptLength, chosen, rejected }
}

/** Both rows, of as many tokens as one may have; `null` where the prompt leaves no room for an answer. */
function cut(
  { promptLength, chosen, rejected }: EncodedPair,
  { most, truncationMode }: ResolvedPreferenceOptions,
  tally: PrepareTally,
): PreferenceExample | null {
  if (truncationMode === 'keep_start' && promptLength >= most) return null
  const beyond = [chosen, rejected].map(({ length }) => Math.max(0, length - most))
  const tokens = beyond.reduce((sum, each) => sum + each, 0)
  if (tokens > 0) tally.addTruncated(tokens)
  const rowOf = (ids: readonly number[]) => {
    const [begin, end] = truncationMode === 'keep_start' ? [0, most] : [Math.max(0, ids.length - most), ids.length]
    const labels = Int32Array.from(ids).fill(ignoredLabel, 0, promptLength)
    return { inputIds: Int32Array.from(ids.slice(begin, end)), labels: labels.slice(begin, end) }
  }
  return { chosen: rowOf(chosen), rejected: rowOf(rejected) }
}

function isAlike({ chosen, rejected }: PreferenceExample): boolean {
  const [some, others] = [chosen.inputIds, rejected.inputIds]
  return some.length === others.length && some.every((id, i) => id === others[i])
}
