import type { CausalLm } from '../models/causal-lm.ts'
import { add } from '../ops/add.ts'
import type { StateTensor } from '../optim/optimizer.ts'
import { adapterSetOf } from '../peft/adapter.ts'
import type { AdapterTraining, TrainedStep, TrainingPlan } from '../peft/adapter-training.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What the methods of the adapters that a run trains do beside following gradients, as one. */
export class AdapterTrainings implements AdapterTraining {
  readonly #all: AdapterTraining[] = []

  /** @throws MedAwareError as `Adapter.training`, and nothing stays allocated then. */
  constructor(model: CausalLm, plan: TrainingPlan) {
    const adapters = [...(adapterSetOf(model)?.members.values() ?? [])]
    try {
      for (const adapter of adapters.filter(({ isActive, isTrainable }) => isActive && isTrainable)) {
        const training = adapter.training(plan)
        if (training !== null) this.#all.push(training)
      }
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  penalty(): Tensor | null {
    const terms = this.#all.map((each) => each.penalty()).filter((term) => term !== null)
    return terms.length === 0 ? null : terms.reduce((total, term) => add(total, term))
  }

  afterStep(step: TrainedStep): (() => Promise<void>) | null {
    const left = this.#all.map((each) => each.afterStep(step)).filter((finish) => finish !== null)
    return left.length === 0
      ? null
      : async () => {
          for (const finish of left) await finish()
        }
  }

  state(): readonly StateTensor[] {
    return this.#all.flatMap((each) => each.state())
  }

  async restored(): Promise<void> {
    for (const each of this.#all) await each.restored()
  }

  dispose(): void {
    for (const each of this.#all) each.dispose()
  }
}
