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
  for await (const { text } of generatePieces(model, tokenizer, prompt, options)) if (text !== '') yield text
}

/** What a token adds to a text. */
export interface TextPiece {
  /** '' while a character lacks bytes, and for tokens that say nothing. */
  readonly text: string
  /** Whether a token has ended the text. */
  readonly hasEnded: boolean
}

/** `generateText` with a piece for each token, one that ends the text included, and then one for what was held back. */
export async function* generatePieces(
  model: CausalLm,
  tokenizer: TextTokenizer,
  prompt: string | readonly number[],
  options: GenerationOptions = {},
): AsyncGenerator<TextPiece, void, undefined> {
  readTokenizer(tokenizer)
  const given = readArgument('generateText', 'the prompt', prompt, either(anyText, listOf(whole({ from: 0 }), 1)))
  const generation = resolveOptions(model, options, endsOf(checkModel(model), tokenizer))
  const ids = typeof given === 'string' ? tokenizer.encode(given) : given
  const stream = new TextStream(tokenizer, ids)
  let hasEnded = false
  // One row yields a number at each step.
  for await (const [token] of continueTokens(model, [ids], generation)) {
    const id = Number(token)
    hasEnded = generation.stops.has(id)
    yield { text: stream.push(id), hasEnded }
  }
  yield { text: stream.end(), hasEnded }
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
