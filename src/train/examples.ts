import { check } from '../core/errors.ts'
import { ignoredLabel, type Example } from '../models/example.ts'

/** What turns text into tokens. */
export interface ExampleTokenizer {
  encode(text: string): readonly number[]
  decode(ids: readonly number[]): string
  readonly eosTokenId: number | null
}

/** Text to learn from: only the completion is. */
export interface PromptCompletion {
  readonly prompt: string
  readonly completion: string
}

/**
 * Tokenizes prompt and completion as TRL's SFTTrainer does (sft_trainer.py): the prompt's labels are masked, EOS ends the
 * completion, what is beyond `maxLength` tokens is cut off, and an example left without any label is `null`.
 * @throws MedAwareError `config` when the tokenizer has no EOS, since a model would never learn to stop.
 */
export function promptCompletionExample(
  tokenizer: ExampleTokenizer,
  text: PromptCompletion,
  maxLength = 1024,
): Example | null {
  const eos = tokenizer.eosTokenId
  check(
    eos !== null,
    'config',
    () => 'promptCompletionExample: the tokenizer has no EOS token; name one in tokenizer_config.json',
  )
  const prompt = tokenizer.encode(text.prompt)
  const completion = [...tokenizer.encode(text.completion), eos]
  const inputIds = Int32Array.from([...prompt, ...completion]).slice(0, maxLength)
  if (inputIds.length <= prompt.length || inputIds.length < 2) return null
  const labels = inputIds.map((id, i) => (i < prompt.length ? ignoredLabel : id))
  // Nothing precedes the first token, so it is not predicted even where there is no prompt.
  const learned = [...inputIds.subarray(Math.max(1, prompt.length))].filter((id) => id !== eos)
  return { inputIds, labels, bytes: new TextEncoder().encode(tokenizer.decode(learned)).length }
}
