import type { Device } from '../../src/device/device.ts'
import type { CausalLm, TokenBatch } from '../../src/models/causal-lm.ts'
import { Module } from '../../src/nn/module.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'

/** Says given tokens one after the other, whatever it is told: one script a row, its last token again and again. */
export class ScriptedModel extends Module implements CausalLm {
  readonly numHiddenLayers = 1
  gradientCheckpointing = false
  readonly cacheShape = [1, 4] as const
  /** Shapes and masks of the batches it was given. */
  readonly calls: TokenBatch[] = []
  /** Whether it was in training then. */
  readonly trainings: boolean[] = []

  constructor(
    readonly device: Device,
    readonly vocabSize: number,
    private readonly scripts: readonly (readonly number[])[],
  ) {
    super({}, {})
  }

  lastLogits(batch: TokenBatch): Tensor {
    this.trainings.push(this.training)
    const step = this.calls.push(batch) - 1
    const logits = new Float32Array(batch.shape[0] * this.vocabSize)
    for (const [row, script] of this.scripts.entries()) {
      logits[row * this.vocabSize + (script[Math.min(step, script.length - 1)] ?? 0)] = 9
    }
    return fromArray(this.device, logits, [batch.shape[0], this.vocabSize], 'logits')
  }

  forward(): Tensor {
    throw new Error('a scripted model has no logits but the last')
  }

  loss(): Tensor {
    throw new Error('a scripted model has no loss')
  }

  logProbs(): Tensor {
    throw new Error('a scripted model has no log-probabilities')
  }
}
