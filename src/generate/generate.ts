import { Random } from '../core/random.ts'
import { KeyValueCaches } from '../models/caches/key-value-caches.ts'
import { leftPadded } from '../models/caches/left-padded.ts'
import type { CausalLm, TokenBatch } from '../models/causal-lm.ts'
import { inference } from '../models/inference.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import { checkPrompts, type Generation, type GenerationOptions, resolveOptions } from './generation-options.ts'
import { chooseToken } from './sampling.ts'

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
  { maxNewTokens, stops, seed, signal, sampling }: Generation,
): AsyncGenerator<readonly (number | null)[], void, undefined> {
  checkPrompts(prompts, model.vocabSize)
  const rows = prompts.map((prompt, row) => ({ seen: new Set(prompt), random: Random.of(seed, row), stopped: false }))
  const longest = prompts.reduce((most, { length }) => Math.max(most, length), 0)
  const limit = longest + maxNewTokens - 1
  signal?.throwIfAborted()
  const caches = new KeyValueCaches(model, prompts.length, Math.min(limit, longest + HEADROOM))
  try {
    const lengths = prompts.map((prompt) => prompt.length)
    let next: readonly (readonly number[])[] = prompts
    for (let step = 0; step < maxNewTokens; step++) {
      signal?.throwIfAborted()
      const batch = leftPadded(model, next, { lengths, past: caches.length })
      const [, width] = batch.shape
      caches.reserve(width, limit)
      // The prompts are one kind of work, the tokens behind them another.
      if (step < 2) await prepare(model, batch, caches.perLayer)
      const logits = await lastLogits(model, batch, caches.perLayer)
      // A prompt may take long, and who ended it meanwhile wants no token of it.
      signal?.throwIfAborted()
      caches.advance(width)
      const tokens = rows.map((row, i) => {
        if (row.stopped) return null
        const token = chooseToken(
          logits.subarray(i * model.vocabSize, (i + 1) * model.vocabSize),
          row.seen,
          sampling,
          row.random,
        )
        row.seen.add(token)
        row.stopped = stops.has(token)
        return token
      })
      yield tokens
      if (rows.every((row) => row.stopped)) return
      next = tokens.map((token) => [token ?? 0])
    }
  } finally {
    caches.dispose()
  }
}

/** Lets the device choose its programs for batches like this one. */
async function prepare(model: CausalLm, batch: TokenBatch, caches: readonly KeyValueCache[]): Promise<void> {
  const { device } = model
  await device.prepare(() => device.memory.scoped(() => void inference(model, () => model.lastLogits(batch, caches))))
}

async function lastLogits(model: CausalLm, batch: TokenBatch, caches: readonly KeyValueCache[]): Promise<Float32Array> {
  // Outside all scopes: one the caller has open may close before the numbers have come back.
  const logits = model.device.memory.rooted(() => inference(model, () => model.lastLogits(batch, caches)))
  try {
    const values = await logits.read()
    await model.device.settle()
    return values
  } finally {
    logits.dispose()
  }
}
