import type { Random } from '../../core/random.ts'
import type { Shape } from '../../core/shape.ts'
import type { Module } from '../../nn/module.ts'
import type { Prompt } from '../../nn/prompt.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Place } from '../adapter-method.ts'
import type { Factors } from '../layers/adapted-layer.ts'
import { AdaptedPrompt, PromptAdapter } from '../layers/adapted-prompt.ts'
import type { Promptable } from './promptable.ts'

/** All that PEFT's files hold of a prompt: what its encoder computes. */
const savedKey = 'prompt_embeddings'
const path = 'prompt_encoder'

/** An encoder of prompts, or the table that stands for what one has computed. */
interface EncoderPlace {
  readonly shapes: Readonly<Record<string, Shape>>
  readonly start: (factors: Factors, random: Random) => void
  readonly part: (factors: Factors) => PromptAdapter
}

/** A place whose tensors are an encoder's: they are trained, and the file has what comes of them. */
export function encoderPlace(model: Promptable, { shapes, start, part }: EncoderPlace): Place {
  return {
    ...{ path, shapes, start },
    peftPath: path,
    parameterName: (name, adapter) => `${adapter}.${name}`,
    keyOf: (name) => (name === savedKey ? name : `${path}.${name}`),
    adapted: (name, factors) => {
      const { prompt_encoder: there } = model.modules
      return (there instanceof AdaptedPrompt ? there : new AdaptedPrompt(there)).add(name, part(factors))
    },
  }
}

/** What a table, or what an encoder computed, is as a prompt. */
export interface PromptForm {
  /** Whether it is vectors in the place of embeddings, and not keys and values. */
  readonly isOfVectors: boolean
  /** With history. */
  promptOf(table: Tensor): Prompt
}

/** Vectors in the place of embeddings, one a row. */
export const asVectors: PromptForm = { isOfVectors: true, promptOf: (vectors) => ({ vectors }) }

/** A table that is the prompt, or is cut into it. */
interface TablePlace {
  /** [virtual tokens, …]. */
  readonly shape: readonly [number, number]
  readonly start: (table: Tensor, random: Random) => void
  readonly form: PromptForm
}

/** A place whose one tensor is what the file has. */
export function tablePlace(model: Promptable, { shape, start, form }: TablePlace): Place {
  const [virtualTokens] = shape
  const name = 'embedding.weight'
  const place = encoderPlace(model, {
    shapes: { [name]: shape },
    start: (factors, random) => start(tensorOf(factors, name), random),
    part: (factors) => new TablePrompt(virtualTokens, { [name]: tensorOf(factors, name) }, form),
  })
  return { ...place, keyOf: () => savedKey }
}

/** One of an encoder's tensors. */
export function tensorOf(factors: Factors, name: string): Tensor {
  const tensor = factors[name]
  if (tensor === undefined) throw new Error(`${path}: no ${name}`)
  return tensor
}

/** Draws a tensor's numbers. */
export function draw(tensor: Tensor, next: () => number): void {
  tensor.write(Float32Array.from({ length: tensor.count }, next))
}

/** A prompt that a table is. */
class TablePrompt extends PromptAdapter<Readonly<Record<'embedding.weight', Tensor>>> {
  constructor(
    virtualTokens: number,
    factors: Readonly<Record<'embedding.weight', Tensor>>,
    readonly form: PromptForm,
  ) {
    super(virtualTokens, factors)
  }

  get isOfVectors(): boolean {
    return this.form.isOfVectors
  }

  prompt(): Prompt {
    return this.form.promptOf(this.factors['embedding.weight'])
  }

  describe(): string {
    return `${this.virtualTokens} virtual tokens`
  }
}

/** A prompt that an encoder computes of its tensors. */
export abstract class EncodedPrompt extends PromptAdapter {
  /** @param form Of what is encoded. */
  constructor(
    virtualTokens: number,
    factors: Factors,
    readonly form: PromptForm,
    modules: Readonly<Record<string, Module>> = {},
  ) {
    super(virtualTokens, factors, modules)
  }

  get isOfVectors(): boolean {
    return this.form.isOfVectors
  }

  /** What PEFT's files have of it: f32 [virtual tokens, …], with history. */
  protected abstract encoded(): Tensor

  prompt(): Prompt {
    return this.form.promptOf(this.encoded())
  }

  /** Without what training draws at random. */
  override saved(): Factors {
    const modules = Object.values(this.modules).filter(({ training }) => training)
    for (const module of modules) module.train(false)
    try {
      return { [savedKey]: this.encoded() }
    } finally {
      for (const module of modules) module.train()
    }
  }

  protected tensor(name: string): Tensor {
    return tensorOf(this.factors, name)
  }
}
