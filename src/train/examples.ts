import { check } from '../core/errors.ts'
import { callback, type OptionRules, readArgument, readOptions, that, whole, withMethods } from '../core/options.ts'
import { show } from '../core/show.ts'
import { ignoredLabel, type Example } from '../models/example.ts'

/** What turns text into tokens. */
export interface ExampleTokenizer {
  /** Ids of `text`, with the tokens around it that the tokenizer puts there. */
  encode(text: string): readonly number[]
  decode(ids: readonly number[]): string
  readonly eosTokenId: number | null
  /** That token as it is written. */
  readonly eosToken: string | null
}

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

const tokenizerRule = withMethods<ExampleTokenizer>("a tokenizer, such as loadModel's or loadTokenizer's", [
  'encode',
  'decode',
])

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
 * is `null`.
 * @throws MedAwareError `config` for what is no tokenizer or text, an unknown option, or a tokenizer without EOS, since
 * a model would never learn to stop.
 */
export function promptCompletionExample(
  tokenizer: ExampleTokenizer,
  text: PromptCompletion,
  options: PromptCompletionOptions = {},
): Example | null {
  const { maxLength = 1024, onWarning } = readOptions('promptCompletionExample', options, rules)
  const { prompt, completion } = readArgument('promptCompletionExample', 'the text', text, textRule)
  const { eosToken, eosTokenId: eos } = readArgument(
    'promptCompletionExample',
    'the tokenizer',
    tokenizer,
    tokenizerRule,
  )
  check(
    eos !== null && eosToken !== null,
    'config',
    () => 'promptCompletionExample: the tokenizer has no EOS token; name one in tokenizer_config.json',
  )
  const alone = tokenizer.encode(prompt)
  const joint = tokenizer.encode(`${prompt}${completion}${completion.endsWith(eosToken) ? '' : eosToken}`)
  const differs = alone.findIndex((id, i) => id !== joint[i])
  const masked = differs < 0 ? alone.length : differs
  if (masked < alone.length) {
    onWarning?.(
      `promptCompletionExample: the prompt ${show(prompt)} has other tokens alone than before its completion, from token ` +
        `${masked} on; end it where a token ends, such as before a space, and begin the completion with that`,
    )
  }
  const inputIds = Int32Array.from(joint).slice(0, maxLength)
  if (inputIds.length <= masked || inputIds.length < 2) return null
  const labels = inputIds.map((id, i) => (i < masked ? ignoredLabel : id))
  // Nothing precedes the first token, so it is not predicted even where there is no prompt.
  const learned = [...inputIds.subarray(Math.max(1, masked))].filter((id) => id !== eos)
  return { inputIds, labels, bytes: new TextEncoder().encode(tokenizer.decode(learned)).length }
}
