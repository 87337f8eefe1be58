import { KeyValueCaches } from '../models/caches/key-value-caches.ts'
import { leftPadded } from '../models/caches/left-padded.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { drawTokens, readBatch } from './draw-tokens.ts'
import { checkPrompts, type Generation, type GenerationOptions, resolveOptions } from './generation-options.ts'

/** Tokens the caches have room for beyond the prompt at first. */
const HEADROOM = 64

/**
 * Continues every prompt, a token a step: yields the new token of each row, `null` for rows that have stopped. The
 * token that stops a row is yielded. Shorter prompts are padded on the left, which changes nothing they say. All it
 * holds on the device is freed when it ends, fails or is left (`break`, `return()`).
 * @throws MedAwareError `config` for an empty prompt, what is no token id, an option that is unknown, out of range or
 * does nothing; `memory`, `numeric` when logits are not finite, and whatever `signal` is aborted with.
 */
export async function* generateTokens(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
): AsyncGenerator<readonly (number | null)[], void, undefined> {
  yield* continueTokens(model, prompts, resolveOptions(model, options))
}

/** `generateTokens` with nothing left open. */
export async function* continueTokens(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  generation: Generation,
): AsyncGenerator<readonly (number | null)[], void, undefined> {
  checkPrompts(prompts, model.vocabSize)
  const { maxNewTokens, signal } = generation
  const lengths = prompts.map((prompt) => prompt.length)
  const longest = Math.max(...lengths)
  const limit = longest + maxNewTokens - 1
  signal?.throwIfAborted()
  const caches = new KeyValueCaches(model, prompts.length, Math.min(limit, longest + HEADROOM))
  try {
    const batch = leftPadded(model, prompts, { lengths })
    const logits = await readBatch(model, batch, caches, { limit, signal, isNew: true })
    for await (const draws of drawTokens(model, { prompts, caches, logits }, generation)) {
      yield draws.map((draw) => draw && draw.token)
    }
  } finally {
    caches.dispose()
  }
}
