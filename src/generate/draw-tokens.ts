import { Random } from '../core/random.ts'
import type { KeyValueCaches } from '../models/caches/key-value-caches.ts'
import { leftPadded } from '../models/caches/left-padded.ts'
import type { CausalLm, TokenBatch } from '../models/causal-lm.ts'
import { inference } from '../models/inference.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Generation } from './generation-options.ts'
import type { TokenLogProbs } from './log-probs.ts'
import { chooseToken } from './sampling.ts'

/** Prompts that a model has read. */
export interface ReadPrompts {
  readonly prompts: readonly (readonly number[])[]
  /** Their keys and values. */
  readonly caches: KeyValueCaches
  /** Logits of their last tokens, [rows, vocab]; they are changed. */
  readonly logits: Float32Array<ArrayBuffer>
}

/** A token that was chosen. */
export interface Draw {
  readonly token: number
  /** Whether it ends its row. */
  readonly isLast: boolean
  /** How likely it was; `null` where nobody asked. */
  readonly logProbs: TokenLogProbs | null
}

/** What is drawn beside `Generation`. */
export interface DrawOptions {
  /** What is told of how likely a token is, such as `tokenLogProbs` says. Default nothing. */
  readonly logProbs?: ((logits: Float32Array, token: number) => TokenLogProbs) | undefined
  /** Which stream of the seed the first row draws from; those after it have the next. Default 0. */
  readonly stream?: number
}

/** Continues prompts that were read, a token a step: the new token of each row, `null` for rows that have stopped. */
export async function* drawTokens(
  model: CausalLm,
  { prompts, caches, logits: first }: ReadPrompts,
  { maxNewTokens, stops, seed, signal, sampling }: Generation,
  { logProbs, stream = 0 }: DrawOptions = {},
): AsyncGenerator<readonly (Draw | null)[], void, undefined> {
  const rows = prompts.map((prompt, row) => {
    return { seen: new Set(prompt), random: Random.of(seed, stream + row), isOver: false }
  })
  const lengths = prompts.map(({ length }) => length)
  const limit = caches.length + maxNewTokens - 1
  let logits = first
  for (let step = 0; ; step++) {
    const draws = rows.map((row, i) => {
      if (row.isOver) return null
      const own = logits.subarray(i * model.vocabSize, (i + 1) * model.vocabSize)
      // Choosing changes them.
      const before = logProbs && own.slice()
      const token = chooseToken(own, row.seen, sampling, row.random)
      row.seen.add(token)
      row.isOver = stops.has(token)
      return { token, isLast: row.isOver, logProbs: before ? logProbs(before, token) : null }
    })
    yield draws
    if (step + 1 === maxNewTokens || rows.every((row) => row.isOver)) return
    const next = draws.map((draw) => [draw?.token ?? 0])
    const batch = leftPadded(model, next, { lengths, past: caches.length })
    logits = await readBatch(model, batch, caches, { limit, signal, isNew: step === 0, into: logits })
  }
}

/** How a batch is read. */
export interface ReadBatch {
  /** Tokens that the caches will have at most. Default: no limit. */
  readonly limit?: number
  readonly signal: AbortSignal | undefined
  /** Whether the device may choose its programs for batches like this one. Default false. */
  readonly isNew?: boolean
  /** Whether the logits of all tokens are wanted, not just of the last. Default false. */
  readonly isWhole?: boolean
  /** Takes the logits: a vocabulary of them is more than an array that is made and thrown away a token. */
  readonly into?: Float32Array<ArrayBuffer>
}

/** Reads tokens behind those in the caches. @returns Logits of each row's last token, or of all. */
export async function readBatch(
  model: CausalLm,
  batch: TokenBatch,
  caches: KeyValueCaches,
  { limit, signal, isNew = false, isWhole = false, into }: ReadBatch,
): Promise<Float32Array<ArrayBuffer>> {
  signal?.throwIfAborted()
  const [, width] = batch.shape
  caches.reserve(width, limit)
  const { device } = model
  const read = (): Tensor => {
    return inference(model, () => {
      return isWhole ? model.forward(batch, caches.perLayer) : model.lastLogits(batch, caches.perLayer)
    })
  }
  if (isNew) await device.prepare(() => device.memory.scoped(() => void read()))
  const logits = await numbersOf(device.memory.rooted(read), into)
  // A prompt may take long, and who ended it meanwhile wants no token of it.
  signal?.throwIfAborted()
  caches.advance(width)
  return logits
}

/** Made outside all scopes: one the caller has open may close before the numbers have come back. */
async function numbersOf(logits: Tensor, into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
  try {
    const values = await logits.read(into)
    await logits.device.settle()
    return values
  } finally {
    logits.dispose()
  }
}
