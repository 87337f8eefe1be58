import type { StateTensor } from '../../optim/optimizer.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AdapterTraining, TrainedStep, TrainingPlan } from '../adapter-training.ts'
import { type AdaLoraConfig, checkSchedule } from './adalora-config.ts'
import { Orthogonality } from './orthogonality.ts'
import { RankAllocator } from './rank-allocator.ts'
import type { SvdLinear } from './svd-linear.ts'

/**
 * What AdaLoRA does while it is trained: A and B are kept orthogonal, and ranks are lowered by the budget. An adapter
 * that was saved with lower ranks keeps those it has.
 */
export class AdaLoraTraining implements AdapterTraining {
  readonly #orthogonality: Orthogonality
  readonly #allocator: RankAllocator | null

  /** @throws MedAwareError `config` where the schedule does not fit the steps, `memory`. */
  constructor(layers: readonly SvdLinear[], config: AdaLoraConfig, { who, steps, onWarning }: TrainingPlan) {
    const { totalStep, tfinal, rankPattern, orthRegWeight } = config
    const total = totalStep ?? steps
    const isLowered = rankPattern !== null
    if (!isLowered) checkSchedule(config, total, who, (field) => field)
    if (!isLowered && total - tfinal > steps) {
      onWarning(
        `AdaLoRA's ranks fall until step ${total - tfinal}, and the run ends at ${steps}: they will not have come down to ` +
          `targetR ${config.targetR}; leave totalStep out, or give the run's steps`,
      )
    }
    for (const layer of layers) layer.totalStep = total
    this.#orthogonality = new Orthogonality(layers, orthRegWeight)
    try {
      this.#allocator = isLowered ? null : new RankAllocator(layers, { ...config, totalStep: total })
    } catch (error) {
      this.#orthogonality.dispose()
      throw error
    }
  }

  penalty(): Tensor | null {
    return this.#orthogonality.term()
  }

  afterStep(step: TrainedStep): (() => Promise<void>) | null {
    return this.#allocator?.afterStep(step) ?? null
  }

  state(): readonly StateTensor[] {
    return this.#allocator?.state() ?? []
  }

  async restored(): Promise<void> {
    await this.#allocator?.restored()
  }

  dispose(): void {
    this.#orthogonality.dispose()
    this.#allocator?.dispose()
  }
}
