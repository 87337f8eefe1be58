import { check } from '../../core/errors.ts'
import { ignoredLabel } from '../../models/example.ts'
import type { ExampleTokenizer } from '../example-tokenizer.ts'
import { commonPrefix, type PromptDifference, type TokenizedRow } from '../tokenized-row.ts'
import { type ChatTemplateOptions, renderChat } from './apply-chat-template.ts'
import type { Message } from './message.ts'
import type { ChatRenderer } from './render-chat.ts'

/** A conversation to learn from. */
export interface Conversation {
  /** What is said before what is to be learned; `null` where all of it is. */
  readonly prompt: readonly Message[] | null
  /** What follows the prompt. */
  readonly messages: readonly Message[]
  /** What the row says of tools and of variables of the template. */
  readonly options: Pick<ChatTemplateOptions, 'tools' | 'templateKwargs'>
}

/** What of a conversation is learned. */
export interface ChatMasks {
  readonly completionOnly: boolean
  readonly assistantOnly: boolean
}

/**
 * A conversation as tokens (TRL 1.16, sft_trainer.py's tokenize_fn): the whole is rendered and encoded as one text. Its
 * prompt is as far as its tokens alone, with the begin of the assistant's turn, are those of the whole.
 * @throws MedAwareError `config` as `renderChat`, and where the template marks nothing as the assistant's.
 */
export function encodeChat(
  at: string,
  tokenizer: ExampleTokenizer,
  renderer: ChatRenderer,
  { prompt, messages, options }: Conversation,
  { completionOnly, assistantOnly }: ChatMasks,
  onDifference: (difference: PromptDifference) => void,
): TokenizedRow {
  const { text, generated } = renderChat(at, renderer, tokenizer, [...(prompt ?? []), ...messages], options)
  const ids = tokenizer.encode(text, { addSpecialTokens: false })
  const [inputIds, labels] = [Int32Array.from(ids), Int32Array.from(ids)]
  if (prompt !== null) {
    const alone = renderChat(at, renderer, tokenizer, prompt, { ...options, addGenerationPrompt: true }).text
    const promptIds = tokenizer.encode(alone, { addSpecialTokens: false })
    const masked = commonPrefix(promptIds, ids)
    if (masked < promptIds.length) onDifference({ prompt: alone, from: masked })
    if (completionOnly) labels.fill(ignoredLabel, 0, masked)
  }
  if (assistantOnly) {
    const mask = assistantMask(at, tokenizer, text, ids, generated)
    check(mask.includes(true), 'config', () => {
      return `${at}: assistantOnlyLoss leaves nothing to learn, the chat template marks no token of it as the assistant's`
    })
    for (const [i, isLearned] of mask.entries()) if (!isLearned) labels[i] = ignoredLabel
  }
  return { inputIds, labels }
}

/**
 * Whether each token is of the assistant's own text, wholly or in part (transformers 5.23, assistant_masks).
 * @throws MedAwareError `unsupported` for a tokenizer that does not know where its tokens stand.
 */
export function assistantMask(
  at: string,
  tokenizer: ExampleTokenizer,
  text: string,
  ids: readonly number[],
  generated: readonly (readonly [begin: number, end: number])[],
): boolean[] {
  check(typeof tokenizer.offsets === 'function', 'unsupported', () => {
    return `${at}: assistantOnlyLoss needs a tokenizer that says where its tokens stand; loadTokenizer's has offsets`
  })
  return tokenizer.offsets(text, ids).map(([begin, end]) => generated.some(([from, to]) => begin < to && end > from))
}
