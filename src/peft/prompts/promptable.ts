import { check } from '../../core/errors.ts'
import type { Lookup } from '../../nn/embedding.ts'
import type { PromptEncoder } from '../../nn/prompt.ts'
import type { Adaptable } from '../adaptable.ts'

/** A decoder with a place for a prompt, as every `CausalDecoder` is. */
export interface Promptable extends Adaptable {
  readonly modules: { readonly prompt_encoder: PromptEncoder }
  readonly config: {
    readonly modelType: string
    readonly vocabSize: number
    readonly hiddenSize: number
    readonly numHiddenLayers: number
    readonly numAttentionHeads: number
  }
  readonly cacheShape: readonly [heads: number, dim: number]
  getInputEmbeddings(): Lookup
}

/** Whether a model has a place for a prompt. */
export function isPromptable(model: Adaptable): model is Promptable {
  return 'prompt_encoder' in model.modules && 'cacheShape' in model && 'getInputEmbeddings' in model
}

/** The same, for who needs it. @throws MedAwareError `unsupported`. */
export function asPromptable(who: string, model: Adaptable): Promptable {
  check(isPromptable(model), 'unsupported', () => {
    return `${who}: the model has no module prompt_encoder, which a prompt takes; make it a CausalDecoder`
  })
  return model
}
