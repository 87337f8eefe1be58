import { check } from '../core/errors.ts'
import type { Random } from '../core/random.ts'

/** How the next token is chosen, in transformers' words. */
export interface SamplingOptions {
  /** Draw from the distribution instead of taking the most likely token. Default false. */
  readonly doSample?: boolean
  /** Logits are divided by it when drawing; below 1 sharpens. Default 1. */
  readonly temperature?: number
  /** Only the k most likely tokens are drawn; 0 for all. Default 50. */
  readonly topK?: number
  /** Only the most likely tokens that together reach this probability are drawn. Default 1. */
  readonly topP?: number
  /** Above 1 makes tokens of the prompt and of the text so far less likely (arXiv 1909.05858). Default 1. */
  readonly repetitionPenalty?: number
}

/** Sampling options with nothing left open. */
export type Sampling = Required<SamplingOptions>

/**
 * The token that follows, chosen from one row of logits, which is changed in place.
 * @param seen Tokens of the prompt and of the text so far, for the repetition penalty.
 * @throws MedAwareError `numeric` when a logit is NaN or none is finite.
 */
export function chooseToken(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  sampling: Sampling,
  random: Random,
): number {
  processLogits(logits, seen, sampling)
  return sampling.doSample ? drawToken(logits, random) : argmax(logits)
}

/**
 * transformers' logits processors in its order, in place: repetition penalty, then when drawing temperature, top-k and
 * top-p; tokens cut off become -Infinity (generation/logits_process.py).
 */
export function processLogits(logits: Float32Array, seen: ReadonlySet<number>, sampling: Sampling): void {
  const { doSample, temperature, topK, topP, repetitionPenalty } = sampling
  if (repetitionPenalty !== 1) penalise(logits, seen, Math.fround(repetitionPenalty))
  if (!doSample) return
  if (temperature !== 1) replaceEach(logits, (logit) => logit / Math.fround(temperature))
  if (topK > 0 && topK < logits.length) keepTopK(logits, topK)
  if (topP < 1) keepTopP(logits, topP)
}

/** The id of the largest logit, the first of equals. @throws MedAwareError `numeric` as `chooseToken`. */
export function argmax(logits: Float32Array): number {
  // Four maxima, of which none waits for another: this goes over the vocabulary at every token. NaN stays NaN.
  let [a, b, c, d] = [-Infinity, -Infinity, -Infinity, -Infinity]
  const whole = logits.length - (logits.length % 4)
  for (let i = 0; i < whole; i += 4) {
    a = Math.max(a, logits[i] ?? NaN)
    b = Math.max(b, logits[i + 1] ?? NaN)
    c = Math.max(c, logits[i + 2] ?? NaN)
    d = Math.max(d, logits[i + 3] ?? NaN)
  }
  for (let i = whole; i < logits.length; i++) a = Math.max(a, logits[i] ?? NaN)
  const highest = Math.max(a, b, c, d)
  check(Number.isFinite(highest), 'numeric', () => `generate: the model's logits are not finite`)
  return logits.indexOf(highest)
}

/** Draws an id from softmax(logits). @throws MedAwareError `numeric` as `chooseToken`. */
export function drawToken(logits: Float32Array, random: Random): number {
  const likeliest = argmax(logits)
  const highest = logits[likeliest] ?? 0
  let left = random.uniform() * logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0)
  for (let id = 0; id < logits.length; id++) {
    left -= Math.exp((logits[id] ?? -Infinity) - highest)
    if (left < 0) return id
  }
  return likeliest
}

function penalise(logits: Float32Array, seen: ReadonlySet<number>, penalty: number): void {
  for (const id of seen) {
    const logit = logits[id]
    if (logit !== undefined) logits[id] = logit < 0 ? logit * penalty : logit / penalty
  }
}

function keepTopK(logits: Float32Array, k: number): void {
  const threshold = kthLargest(logits, k)
  replaceEach(logits, (logit) => (logit < threshold ? -Infinity : logit))
}

function keepTopP(logits: Float32Array, topP: number): void {
  const sorted = logits.slice().sort()
  const last = sorted.length - 1
  const highest = sorted[last] ?? 0
  const total = sorted.reduce((sum, logit) => sum + Math.exp(logit - highest), 0)
  let cut = 0
  for (let below = 0; cut < last; cut++) {
    below += Math.exp((sorted[cut] ?? 0) - highest) / total
    if (below > 1 - topP) break
  }
  const threshold = sorted[cut] ?? -Infinity
  // Of equal logits at the cut those with low ids go, as torch.sort orders them.
  let equals = cut - sorted.indexOf(threshold)
  replaceEach(logits, (logit) => (logit < threshold || (logit === threshold && equals-- > 0) ? -Infinity : logit))
}

/** The k-th largest value, by a heap of the k largest so far: a vocabulary is long and k short. */
function kthLargest(values: Float32Array, k: number): number {
  const heap = values.slice(0, k).sort()
  for (let i = k; i < values.length; i++) {
    const value = values[i] ?? NaN
    if (value > (heap[0] ?? NaN)) sink(heap, value)
  }
  return heap[0] ?? NaN
}

/** Puts `value` in place of the smallest. */
function sink(heap: Float32Array, value: number): void {
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    const child = (heap[left + 1] ?? Infinity) < (heap[left] ?? Infinity) ? left + 1 : left
    const smallest = heap[child] ?? Infinity
    if (value <= smallest) break
    heap[at] = smallest
    at = child
  }
  heap[at] = value
}

function replaceEach(logits: Float32Array, next: (logit: number) => number): void {
  for (let id = 0; id < logits.length; id++) logits[id] = next(logits[id] ?? NaN)
}
