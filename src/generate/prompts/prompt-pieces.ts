import type { TokenLogProbs } from '../log-probs.ts'

/** Tokens of a prompt that are read at once: more would be hardly faster, and less of another prompt could be used. */
const most = 64

/** Some tokens of a prompt, and what a model made of them behind those before. */
export interface PromptPiece {
  readonly ids: readonly number[]
  /** Logits of its last token. */
  readonly logits: Float32Array
  /** How likely each token but the first is; `null` where nobody asked. */
  readonly inner: readonly TokenLogProbs[] | null
}

/**
 * A prompt in the pieces that it is read in. They hang on its tokens alone, so that a piece that was read for another
 * prompt has the very bits that reading it again would give. The last token is by itself: answers to one question often
 * differ in it alone.
 */
export function piecesOf(prompt: readonly number[]): (readonly number[])[] {
  const last = prompt.length - 1
  const count = Math.ceil(last / most)
  const pieces = Array.from({ length: count }, (_, i) => prompt.slice(i * most, Math.min((i + 1) * most, last)))
  return [...pieces, prompt.slice(last)]
}
