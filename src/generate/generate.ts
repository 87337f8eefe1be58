import { Random } from '../core/random.ts'
import type { CausalLm, TokenBatch } from '../models/causal-lm.ts'
import { inference } from '../models/inference.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import { checkPrompts, type Generation, type GenerationOptions, resolveOptions } from './generation-options.ts'
import { KeyValueCaches } from './key-value-caches.ts'
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
    let next = prompts.map((prompt) => [...Array<number>(longest - prompt.length).fill(0), ...prompt])
    for (let step = 0; step < maxNewTokens; step++) {
      signal?.throwIfAborted()
      const width = next[0]?.length ?? 0
      caches.reserve(width, limit)
      const batch = batchOf(model, next, prompts, { longest, past: caches.length })
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

/** The next tokens of each row, behind `past` others, padding included. */
function batchOf(
  { virtualTokens = 0 }: CausalLm,
  ids: readonly (readonly number[])[],
  prompts: readonly (readonly number[])[],
  { longest, past }: { readonly longest: number; readonly past: number },
): TokenBatch {
  const width = ids[0]?.length ?? 0
  const keys = past + width
  const batch = { inputIds: Int32Array.from(ids.flat()), shape: [ids.length, width] as const }
  if (prompts.every((prompt) => prompt.length === longest)) return batch
  const attentionMask = new Uint8Array(prompts.length * keys).fill(1)
  const padding = prompts.map((prompt) => longest - prompt.length)
  for (const [row, count] of padding.entries()) attentionMask.fill(0, row * keys, row * keys + count)
  // Behind virtual tokens it matters how far a text is from them, so padding is not counted.
  const positionIds = Int32Array.from(ids.flat(), (_, i) => {
    return Math.max(0, past + (i % width) - (padding[Math.floor(i / width)] ?? 0))
  })
  return { ...batch, attentionMask, ...(virtualTokens > 0 && { positionIds }) }
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
