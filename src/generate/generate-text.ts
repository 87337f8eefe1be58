import { MedAwareError } from '../core/errors.ts'
import { anyText, either, listOf, readArgument, whole, withMethods } from '../core/options.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { checkModel, type GenerationOptions, resolveOptions } from './generation-options.ts'
import { continueTokens } from './generate.ts'
import { TextStream } from './text-stream.ts'
import type { TextTokenizer } from './text-tokenizer.ts'

/**
 * Continues `prompt`, a text that is encoded with the tokenizer's special tokens, or ids, and yields the new text in
 * pieces as it comes, never half a character. Unless `eosTokenId` says otherwise it stops at the tokenizer's end of
 * text, which training teaches, and at those of the model's `generationConfig` (generation_config.json's, else
 * config.json's) that are added tokens of the tokenizer. Frees what it holds when it ends, fails or is left.
 * @throws MedAwareError as `generateTokens`.
 */
export async function* generateText(
  model: CausalLm,
  tokenizer: TextTokenizer,
  prompt: string | readonly number[],
  options: GenerationOptions = {},
): AsyncGenerator<string, void, undefined> {
  readTokenizer(tokenizer)
  const given = readArgument('generateText', 'the prompt', prompt, either(anyText, listOf(whole({ from: 0 }), 1)))
  const generation = resolveOptions(model, options, endsOf(checkModel(model), tokenizer))
  const ids = typeof given === 'string' ? tokenizer.encode(given) : given
  const stream = new TextStream(tokenizer, ids)
  for await (const [token] of continueTokens(model, [ids], generation)) {
    const piece = typeof token === 'number' ? stream.push(token) : ''
    if (piece !== '') yield piece
  }
  const rest = stream.end()
  if (rest !== '') yield rest
}

const tokenizerRule = withMethods<TextTokenizer>("a tokenizer, such as loadModel's or loadTokenizer's", [
  'encode',
  'decode',
])

function readTokenizer(tokenizer: unknown): void {
  if (tokenizer === null) {
    throw new MedAwareError(
      'config',
      'generateText: the tokenizer is null, since the model came without a tokenizer.json; open one with loadTokenizer',
    )
  }
  readArgument('generateText', 'the tokenizer', tokenizer, tokenizerRule)
}

/**
 * What ends a text where the caller does not say. The model may not know of the token that it was tuned to end with;
 * and old Falcons name an id of another model's, which is an ordinary piece of text here.
 */
export function endsOf({ generationConfig, vocabSize }: CausalLm, { eosTokenId, addedIds }: TextTokenizer): number[] {
  const said = (generationConfig?.eosTokenId ?? []).filter((id) => id < vocabSize)
  const added = new Set(addedIds)
  const own = eosTokenId !== null && eosTokenId < vocabSize ? [eosTokenId] : []
  const ends = new Set([...said.filter((id) => added.has(id)), ...own])
  return [...(ends.size === 0 ? said : ends)]
}

/** The whole text that `generateText` yields in pieces. @throws MedAwareError as `generateText`. */
export async function completeText(
  model: CausalLm,
  tokenizer: TextTokenizer,
  prompt: string | readonly number[],
  options: GenerationOptions = {},
): Promise<string> {
  let text = ''
  for await (const piece of generateText(model, tokenizer, prompt, options)) text += piece
  return text
}
