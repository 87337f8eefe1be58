import type { PretrainedLm } from '../../models/causal-lm.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import type { LoadedModel } from '../../io/load/load-model.ts'
import type { Adapter } from '../../peft/adapter.ts'
import type { TrainingRun } from '../../train/training-run.ts'

/** What stays in the worker, and of which the page has a handle with some facts. */
export abstract class Held {
  /** What the page knows of it at once. */
  abstract readonly facts: object
}

/** A model in the worker, with the tokenizer that came with it. */
export class HeldModel extends Held {
  readonly facts: Pick<LoadedModel, 'name' | 'storage'> &
    Pick<PretrainedLm, 'config'> & {
      /** What the tokenizer that came with it has; null for none. */
      readonly tokenizer:
        (Pick<TextTokenizer, 'vocabSize' | 'eosTokenId' | 'eosToken'> & { readonly hasChatTemplate: boolean }) | null
    }
  readonly model: PretrainedLm
  readonly tokenizer: TextTokenizer | null

  constructor({ model, tokenizer, name, storage }: LoadedModel) {
    super()
    this.model = model
    this.tokenizer = tokenizer
    const { vocabSize = 0, eosTokenId = null, eosToken = null } = tokenizer ?? {}
    const hasChatTemplate = (tokenizer?.chatTemplate ?? null) !== null
    const has = tokenizer === null ? null : { vocabSize, eosTokenId, eosToken, hasChatTemplate }
    this.facts = { name, storage, config: model.config, tokenizer: has }
  }
}

/** An adapter in the worker. */
export class HeldAdapter extends Held {
  readonly facts: Pick<Adapter, 'name' | 'config'>

  constructor(readonly adapter: Adapter) {
    super()
    this.facts = { name: adapter.name, config: adapter.config }
  }
}

/** A run in the worker. */
export class HeldRun extends Held {
  readonly facts: Pick<TrainingRun, 'steps' | 'stepsPerEpoch'>

  constructor(readonly run: TrainingRun) {
    super()
    this.facts = { steps: run.steps, stepsPerEpoch: run.stepsPerEpoch }
  }
}

/** The tokenizer of a model that needs one. */
export function tokenizerOf({ tokenizer }: HeldModel): TextTokenizer {
  // Who reads it refuses null with the remedy.
  return tokenizer as TextTokenizer
}
