import { check, MedAwareError } from '../../core/errors.ts'
import { showNames } from '../../core/show.ts'
import type { Prompt, PromptEncoder } from '../../nn/prompt.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { AdaptedLayer, baseName, type Factors, LayerAdapter } from './adapted-layer.ts'

/** One adapter in a decoder's place for a prompt. */
export abstract class PromptAdapter<F extends Factors = Factors> extends LayerAdapter<F> {
  /** @param virtualTokens Tokens that its prompt stands for. */
  constructor(
    readonly virtualTokens: number,
    ...parts: ConstructorParameters<typeof LayerAdapter<F>>
  ) {
    super(...parts)
  }

  /** As of `PromptEncoder`. */
  abstract readonly isOfVectors: boolean

  /** With history. */
  abstract prompt(): Prompt
}

/** A decoder's place for a prompt and the adapters in it, of which one at a time computes. */
export class AdaptedPrompt extends AdaptedLayer<PromptEncoder, PromptAdapter> implements PromptEncoder {
  constructor(base: PromptEncoder) {
    super({ base_layer: base }, {})
  }

  get virtualTokens(): number {
    return (this.#computing() ?? this.base).virtualTokens
  }

  get isOfVectors(): boolean {
    return (this.#computing() ?? this.base).isOfVectors
  }

  /** @throws MedAwareError `config` where several are active; `unsupported` where rows are to have different ones. */
  prompt(): Prompt | null {
    return (this.#computing() ?? this.base).prompt()
  }

  mergedWeight(): Tensor {
    throw this.#unmergeable('mergedWeight')
  }

  merged(): PromptEncoder {
    if (this.active.length > 0) throw this.#unmergeable('merge')
    return this.base
  }

  deltaWeight(): Tensor {
    throw this.#unmergeable('deltaWeight')
  }

  /** The adapter that computes; `null` where none does. */
  #computing(): PromptAdapter | null {
    if (!this.isEnabled) return null
    const names = this.rows === null ? this.active : [...new Set(this.rows)]
    check(this.rows === null || names.length < 2, 'unsupported', () => {
      return `prompt: rows of a batch cannot have different prompts, ${showNames(names)}; give each its own batch`
    })
    check(names.length < 2, 'config', () => {
      return `prompt: a text has one prompt, and ${showNames(names)} are active; choose one of them by setAdapter`
    })
    const [name = baseName] = names
    return name === baseName ? null : this.adapter(name)
  }

  #unmergeable(who: string): MedAwareError {
    const why = 'it stands before the text and is no change of a weight; keep the adapter beside its base'
    return new MedAwareError('unsupported', `${who}: a prompt cannot be merged, for ${why}`)
  }
}
