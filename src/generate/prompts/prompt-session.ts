import { check } from '../../core/errors.ts'
import { KeyValueCaches } from '../../models/caches/key-value-caches.ts'
import { leftPadded } from '../../models/caches/left-padded.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import { type Draw, drawTokens, readBatch } from '../draw-tokens.ts'
import { checkPrompts, type Generation } from '../generation-options.ts'
import { type TokenLogProbs, tokenLogProbs } from '../log-probs.ts'
import type { PromptCache } from './prompt-cache.ts'
import { piecesOf, type PromptPiece } from './prompt-pieces.ts'

/** The likeliest tokens that are kept of each place of a prompt. */
const mostTop = 20

/** Tokens there is room for behind the prompt at first. */
const headroom = 64

/** How a prompt is read. */
export interface SessionOptions {
  /** What it is read by: nothing is taken from another's prompts. */
  readonly reader: string
  /** Whether it is to be known how likely the prompt's own tokens are. */
  readonly isEchoed: boolean
  readonly signal: AbortSignal | undefined
}

/** A prompt that is read once and answered as often as is wanted. What was read is kept for the next. */
export class PromptSession {
  readonly #model: CausalLm
  readonly #cache: PromptCache
  readonly #prompt: readonly number[]
  readonly #options: SessionOptions
  readonly #pieces: PromptPiece[] = []
  #caches: KeyValueCaches | null = null
  #reusedTokens = 0
  #isSound = true

  /** Allocates nothing. @throws MedAwareError `config` for an empty prompt or what is no token of the model. */
  constructor(model: CausalLm, cache: PromptCache, prompt: readonly number[], options: SessionOptions) {
    checkPrompts([prompt], model.vocabSize)
    this.#model = model
    this.#cache = cache
    this.#prompt = prompt
    this.#options = options
  }

  /** Tokens of the prompt that were known from another. */
  get reusedTokens(): number {
    return this.#reusedTokens
  }

  /** Reads the prompt, a piece a step. @throws MedAwareError `memory`, `numeric`, and whatever `signal` has. */
  async *read(): AsyncGenerator<void, void, undefined> {
    const { reader, isEchoed, signal } = this.#options
    signal?.throwIfAborted()
    const wanted = piecesOf(this.#prompt)
    const found = this.#cache.find(reader, wanted, isEchoed)
    this.#pieces.push(...(found?.kept.pieces.slice(0, found.count) ?? []))
    this.#reusedTokens = lengthOf(this.#pieces)
    const room = this.#prompt.length + headroom
    const caches = found?.kept.caches.copy(this.#reusedTokens, room) ?? new KeyValueCaches(this.#model, 1, room)
    this.#caches = caches
    try {
      for (const ids of wanted.slice(this.#pieces.length)) {
        this.#pieces.push(await this.#readPiece(ids, caches))
        yield
      }
    } catch (error) {
      // An end that was asked for comes between pieces; after any other, who knows what is in the caches.
      this.#isSound = signal?.aborted === true
      throw error
    }
  }

  async #readPiece(ids: readonly number[], caches: KeyValueCaches): Promise<PromptPiece> {
    const { isEchoed, signal } = this.#options
    const isWhole = isEchoed && ids.length > 1
    const batch = leftPadded(this.#model, [ids], { lengths: [ids.length], past: caches.length })
    const logits = await readBatch(this.#model, batch, caches, { signal, isNew: true, isWhole })
    const { vocabSize } = this.#model
    const rowOf = (row: number) => logits.subarray(row * vocabSize, (row + 1) * vocabSize)
    const inner = isEchoed ? ids.slice(1).map((id, row) => tokenLogProbs(rowOf(row), id, mostTop)) : null
    return { ids, logits: isWhole ? rowOf(ids.length - 1).slice() : logits, inner }
  }

  /** How likely each token of the prompt is, which has been read to be echoed; `null` for the first. */
  logProbs(): (TokenLogProbs | null)[] {
    return this.#pieces.flatMap(({ ids: [first = 0], inner }, i) => {
      const before = this.#pieces[i - 1]
      const own = before === undefined ? null : tokenLogProbs(before.logits, first, mostTop)
      return [own, ...(inner ?? [])]
    })
  }

  /**
   * Continues the prompt, which has been read, a token a step; one answer at a time. @throws MedAwareError as `read`.
   * @param top The likeliest tokens that are told of each place, `null` for no log-probabilities at all.
   * @param stream Which stream of the seed is drawn from.
   */
  async *draw(
    generation: Generation,
    { top, stream }: { readonly top: number | null; readonly stream: number },
  ): AsyncGenerator<Draw, void, undefined> {
    const last = this.#pieces.at(-1)
    const caches = this.#caches
    check(last !== undefined && caches !== null, 'config', () => 'generate: the prompt has not been read')
    caches.truncate(this.#prompt.length)
    const read = { prompts: [this.#prompt], caches, logits: last.logits.slice() }
    const logProbs =
      top === null ? undefined : (logits: Float32Array, token: number) => tokenLogProbs(logits, token, top)
    const options = { logProbs, stream }
    try {
      for await (const [draw] of drawTokens(this.#model, read, generation, options)) if (draw) yield draw
    } catch (error) {
      this.#isSound = this.#options.signal?.aborted === true
      throw error
    }
  }

  /** Ends it: what was read is kept, as far as there is room. */
  close(): void {
    const caches = this.#caches
    this.#caches = null
    if (caches === null) return
    if (!this.#isSound || this.#pieces.length === 0) {
      caches.dispose()
      return
    }
    caches.truncate(lengthOf(this.#pieces))
    this.#cache.put({ reader: this.#options.reader, pieces: this.#pieces, caches })
  }
}

function lengthOf(pieces: readonly PromptPiece[]): number {
  return pieces.reduce((sum, { ids }) => sum + ids.length, 0)
}
