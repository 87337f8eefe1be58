import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { TextTokenizer } from '../generate/text-tokenizer.ts'
import { PromptCache } from '../generate/prompts/prompt-cache.ts'
import type { PretrainedLm } from '../models/causal-lm.ts'
import { adaptersOf, setAdapter } from '../peft/several/several-adapters.ts'
import { ApiError } from './api-error.ts'
import type { ResolvedEndpoint } from './endpoint-options.ts'
import { Turns } from './queue/turns.ts'

/** Work of a model, in its turn. */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>

/** A base and its adapters, each a model by its id. */
export class ServedModels {
  readonly model: PretrainedLm
  readonly tokenizer: TextTokenizer
  readonly prompts: PromptCache
  /** The base's id, then those of its adapters. */
  readonly ids: readonly string[]
  /** When they came, in seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1000)
  readonly #turns = new Turns()
  #active: string | null = null

  /** @throws MedAwareError `config` for adapters that cannot be switched, or have the base's id. */
  constructor({ model, tokenizer, name, promptCacheBytes }: ResolvedEndpoint) {
    const adapters = adaptersOf(model)
    for (const adapter of adapters.values()) {
      adapter.checkUnmerged('createEndpoint')
      check(!adapter.trainsBase, 'config', () => {
        return `createEndpoint: the adapter ${show(adapter.name)} changes biases of the base itself, so the two cannot be served from one model; merge it, and serve what comes of it`
      })
    }
    check(!adapters.has(name), 'config', () => {
      return `createEndpoint: the base and an adapter are both called ${show(name)}; give the base another name`
    })
    this.model = model
    this.tokenizer = tokenizer
    this.prompts = new PromptCache(promptCacheBytes)
    this.ids = [name, ...adapters.keys()]
  }

  /** The base's id. */
  get base(): string {
    return this.ids[0] ?? ''
  }

  /** Sees that there is such a model. @throws ApiError 404, with those there are. */
  check(id: string): void {
    if (this.ids.includes(id)) return
    throw new ApiError(404, `there is no model ${show(id)}; there are ${this.ids.map(show).join(', ')}`, {
      param: 'model',
      code: 'model_not_found',
    })
  }

  /** What does work as the model of an id, when the device is free. */
  turnOf(id: string): Turn {
    return (work) =>
      this.#turns.take(async () => {
        if (this.#active !== id && this.ids.length > 1) setAdapter(this.model, id === this.base ? [] : id)
        this.#active = id
        return work()
      })
  }

  /** Frees the prompts that are kept, when the device is free. */
  async dispose(): Promise<void> {
    await this.#turns.take(async () => this.prompts.dispose())
  }
}
