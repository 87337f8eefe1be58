import type { KeyValuePrefix } from '../ops/key-value-prefix.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/**
 * What stands before a text: vectors in the place of tokens' embeddings, f32 [n, c], or keys and values, one for each
 * decoder block.
 */
export type Prompt =
  | { readonly vectors: Tensor; readonly prefixes?: never }
  | { readonly prefixes: readonly KeyValuePrefix[]; readonly vectors?: never }

/** A decoder's place for what stands before every text that it reads, such as the virtual tokens of an adapter. */
export interface PromptEncoder extends Module {
  /** Tokens that its prompt stands for; 0 where it has none. */
  readonly virtualTokens: number
  /** Whether its prompt is vectors, of which the last one predicts a text's first token. */
  readonly isOfVectors: boolean
  /** With history; `null` where there is none. */
  prompt(): Prompt | null
}

/** No prompt: a text begins with its own first token. */
export class NoPrompt extends Module<Record<never, never>, Record<never, never>> implements PromptEncoder {
  readonly virtualTokens = 0
  readonly isOfVectors = false

  constructor() {
    super({}, {})
  }

  prompt(): null {
    return null
  }
}
