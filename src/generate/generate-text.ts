import { check } from '../core/errors.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { generateTokens, type GenerationOptions } from './generate.ts'
import type { TextTokenizer } from './text-tokenizer.ts'

/** Ends a decoded text whose last character still lacks bytes. */
const REPLACEMENT = '\uFFFD'

/**
 * Continues `prompt` and yields the new text in pieces as it comes, never half a character. Stops at the tokenizer's end
 * of text unless `eosTokenId` says otherwise. Frees what it holds when it ends, fails or is left.
 * @throws MedAwareError as `generateTokens`, and `config` when the tokenizer has more tokens than the model.
 */
export async function* generateText(
  model: CausalLm,
  tokenizer: TextTokenizer,
  prompt: string,
  options: GenerationOptions = {},
): AsyncGenerator<string, void, undefined> {
  check(
    tokenizer.vocabSize <= model.vocabSize,
    'config',
    () =>
      `generateText: the tokenizer has ${tokenizer.vocabSize} tokens, the model ${model.vocabSize}; is this the model's tokenizer?`,
  )
  const stream = new TextStream(tokenizer)
  const { eosTokenId = tokenizer.eosTokenId } = options
  for await (const [token] of generateTokens(model, [tokenizer.encode(prompt)], { ...options, eosTokenId })) {
    const piece = typeof token === 'number' ? stream.push(token) : ''
    if (piece !== '') yield piece
  }
  const rest = stream.end()
  if (rest !== '') yield rest
}

/** The whole text that `generateText` yields in pieces. @throws MedAwareError as `generateText`. */
export async function completeText(
  model: CausalLm,
  tokenizer: TextTokenizer,
  prompt: string,
  options: GenerationOptions = {},
): Promise<string> {
  let text = ''
  for await (const piece of generateText(model, tokenizer, prompt, options)) text += piece
  return text
}

/**
 * Text of tokens that come one at a time. Each piece is decoded behind the tokens of the piece before it, because a tokenizer may
 * treat the start of a text in its own way (text-generation-inference's decode_token).
 */
class TextStream {
  readonly #tokenizer: TextTokenizer
  #ids: number[] = []
  /** How many of `#ids` were told; they are only there to be decoded along. */
  #told = 0

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer
  }

  /** The text that `id` completes, '' while a character lacks bytes. */
  push(id: number): string {
    this.#ids.push(id)
    const text = this.#tokenizer.decode(this.#ids)
    if (text.endsWith(REPLACEMENT)) return ''
    const piece = text.slice(this.#toldText().length)
    // A special token says nothing and is no start of a text: the tokens before it stay to be decoded along.
    if (piece === '') return ''
    this.#ids = this.#ids.slice(this.#told)
    this.#told = this.#ids.length
    return piece
  }

  /** What was held back, its lacking bytes as U+FFFD. */
  end(): string {
    return this.#tokenizer.decode(this.#ids).slice(this.#toldText().length)
  }

  #toldText(): string {
    return this.#tokenizer.decode(this.#ids.slice(0, this.#told))
  }
}
