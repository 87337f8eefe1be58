import { callback, type OptionRules, readArgument, readOptions, that, whole } from '../core/options.ts'
import { show } from '../core/show.ts'
import type { Example } from '../models/example.ts'
import { endOf, type ExampleTokenizer, readTokenizer } from './example-tokenizer.ts'
import { encodePair, exampleOf, type PromptDifference } from './tokenized-row.ts'

/** Text to learn from: only the completion is. */
export interface PromptCompletion {
  readonly prompt: string
  readonly completion: string
}

/** How a text becomes an example. */
export interface PromptCompletionOptions {
  /** Tokens of prompt and completion; what is beyond is cut off. Default 1024, as in TRL. */
  readonly maxLength?: number
  /**
   * Called where a token holds the end of the prompt and the begin of the completion, so that what is learned begins
   * before it.
   */
  readonly onWarning?: (message: string) => void
}

const rules: OptionRules<PromptCompletionOptions> = { maxLength: whole({ from: 1 }), onWarning: callback() }

const textRule = that(
  'an object with the texts prompt and completion',
  (value): value is PromptCompletion =>
    typeof value === 'object' &&
    value !== null &&
    'prompt' in value &&
    'completion' in value &&
    typeof value.prompt === 'string' &&
    typeof value.completion === 'string',
)

/**
 * Tokenizes prompt and completion together, as TRL 1.16's SFTTrainer does (sft_trainer.py): with the tokenizer's
 * special tokens, and EOS behind the completion unless the text ends in it. The first tokens, as far as they are those
 * of the prompt alone, are masked, what is beyond `maxLength` tokens is cut off, and an example left without any label
 * is `null`. `prepareExamples` does the same to whole data sets.
 * @throws MedAwareError `config` for what is no tokenizer or text, an unknown option, or a tokenizer without EOS, since
 * a model would never learn to stop.
 */
export function promptCompletionExample(
  tokenizer: ExampleTokenizer,
  text: PromptCompletion,
  options: PromptCompletionOptions = {},
): Example | null {
  const who = 'promptCompletionExample'
  const { maxLength = 1024, onWarning } = readOptions(who, options, rules)
  const pair = readArgument(who, 'the text', text, textRule)
  const eos = endOf(who, readTokenizer(who, tokenizer))
  const warn = (difference: PromptDifference) => onWarning?.(`${who}: the prompt ${describeDifference(difference)}`)
  const { inputIds, labels } = encodePair(tokenizer, eos, pair, true, warn)
  return exampleOf(tokenizer, eos.id, { inputIds: inputIds.slice(0, maxLength), labels: labels.slice(0, maxLength) })
}

/** Completes "the prompt …". */
export function describeDifference({ prompt, from }: PromptDifference): string {
  return (
    `${show(prompt)} has other tokens alone than before its completion, from token ${from} on; ` +
    'end it where a token ends, such as before a space, and begin the completion with that'
  )
}
