import { check } from '../../core/errors.ts'
import { pythonRstrip } from '../../core/python/words.ts'

/** What scoring needs of a tokenizer. */
export interface ScoringTokenizer {
  /** Ids of `text`, with the tokens around it that the tokenizer puts there, unless `addSpecialTokens` is false. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): readonly number[]
  readonly eosTokenId: number | null
  /** Special tokens as they are written, by tokenizer_config.json's names, such as `bos_token`. Default none. */
  readonly specialTokens?: Readonly<Record<string, string>>
}

/** A context in tokens, and what may follow it. */
export interface Request {
  readonly context: readonly number[]
  readonly continuations: readonly (readonly number[])[]
}

/**
 * Splits texts into tokens as lm-evaluation-harness 0.4.13 does (api/model.py, _encode_pair and loglikelihood): white
 * space at the context's end goes to the continuations, and a continuation's tokens are those of both together behind
 * as many as the context has alone. An empty context is the BOS token, or else EOS.
 */
export class RequestEncoder {
  readonly #tokenizer: ScoringTokenizer
  /** How the token is written that stands for an empty context. */
  readonly #begin: string | null

  constructor(tokenizer: ScoringTokenizer) {
    this.#tokenizer = tokenizer
    const { bos_token: bos, eos_token: eos } = tokenizer.specialTokens ?? {}
    this.#begin = bos ?? eos ?? null
  }

  /** @throws MedAwareError `config` where a continuation has no token of its own, or nothing begins a text. */
  encode(context: string, continuations: readonly string[]): Request {
    if (context === '') return this.#behindNothing(continuations)
    const kept = pythonRstrip(context)
    const blank = context.slice(kept.length)
    const before = this.#ids(kept)
    const after = continuations.map((text) => this.#ids(kept + blank + text).slice(before.length))
    return checked({ context: before, continuations: after }, continuations)
  }

  #behindNothing(continuations: readonly string[]): Request {
    const [begin] = this.#begin === null ? [] : this.#tokenizer.encode(this.#begin, { addSpecialTokens: false })
    const prefix = begin ?? this.#tokenizer.eosTokenId
    check(prefix !== null, 'config', () => 'evaluate: the tokenizer has no BOS or EOS token to begin an empty context')
    const after = continuations.map((text) => this.#tokenizer.encode(text, { addSpecialTokens: false }))
    // One that begins with the token itself gives it away as its context.
    const own = after.map((ids) => (ids[0] === prefix ? ids.slice(1) : ids))
    return checked({ context: [prefix], continuations: own }, continuations)
  }

  /** A text that begins with the token is not given it a second time. */
  #ids(text: string): readonly number[] {
    const isBegun = this.#begin !== null && text.startsWith(this.#begin)
    return this.#tokenizer.encode(text, isBegun ? { addSpecialTokens: false } : {})
  }
}

function checked(request: Request, texts: readonly string[]): Request {
  const empty = request.continuations.findIndex((ids) => ids.length === 0)
  check(empty < 0 && request.context.length > 0, 'config', () => {
    return `evaluate: the answer ${JSON.stringify(texts[empty] ?? '')} has no token of its own behind its prompt`
  })
  return request
}

/** Some of a request's continuations, behind as much of its context as there is room for. */
export interface Part extends Request {
  /** The places of these continuations among all. */
  readonly places: readonly number[]
}

/**
 * What a model that reads `maxLength` tokens is asked: contexts lose their left end (models/huggingface.py,
 * _loglikelihood_tokens: the last maxLength + 1 ids are kept). Continuations of other lengths may then have other
 * contexts; those that share one stay together.
 * @throws MedAwareError `config` for a continuation that is longer than `maxLength`.
 */
export function partsOf({ context, continuations }: Request, maxLength: number): Part[] {
  const byContext = new Map<number, number[]>()
  for (const [place, { length }] of continuations.entries()) {
    check(
      length <= maxLength,
      'config',
      () => `evaluate: an answer has ${length} tokens, and maxLength is ${maxLength}`,
    )
    const kept = Math.min(context.length, maxLength + 1 - length)
    byContext.set(kept, [...(byContext.get(kept) ?? []), place])
  }
  return [...byContext].map(([kept, places]) => ({
    context: context.slice(context.length - kept),
    continuations: places.map((place) => continuations[place] ?? []),
    places,
  }))
}
