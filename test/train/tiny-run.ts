import type { Device } from '../../src/device/device.ts'
import { falconRwConfig } from '../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { initialWeights } from '../../src/models/initial-weights.ts'
import { attachLora } from '../../src/peft/attach.ts'
import type { CausalLm } from '../../src/models/causal-lm.ts'
import type { Example } from '../../src/models/example.ts'
import type { StepReport } from '../../src/train/step-report.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import { Random } from '../../src/core/random.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'

/** Random tokens of different lengths, the first two of each a prompt. */
export function randomExamples(count: number): Example[] {
  const random = new Random(3)
  return Array.from({ length: count }, (_, i) => {
    const inputIds = Int32Array.from({ length: 4 + ((i * 5) % 7) }, () => 3 + random.below(61))
    return { inputIds, labels: inputIds.map((id, at) => (at < 2 ? -100 : id)) }
  })
}

/** The tiny Falcon-RW with LoRA and dropout. */
export async function adaptedFalcon(
  device: Device,
): Promise<{ readonly model: FalconForCausalLM; readonly dispose: () => void }> {
  const model = await tinyFalcon(device)
  const adapter = attachLora(model, { r: 4, loraAlpha: 8, loraDropout: 0.2 }, { device, seed: 5 })
  const dispose = (): void => {
    adapter.detach()
    model.dispose()
  }
  return { model, dispose }
}

/** The tiny Falcon-RW with LoRA and dropout, and a run over it. */
export async function tinyRun(
  device: Device,
  examples: readonly Example[],
  options: TrainingOptions,
): Promise<{ readonly model: FalconForCausalLM; readonly run: TrainingRun; readonly dispose: () => void }> {
  const { model, dispose } = await adaptedFalcon(device)
  const run = new TrainingRun(model, examples, options)
  const disposeBoth = (): void => {
    run.dispose()
    dispose()
  }
  return { model, run, dispose: disposeBoth }
}

/** Every report of what is left of a run. */
export async function collected(run: AsyncIterable<StepReport>): Promise<StepReport[]> {
  const reports: StepReport[] = []
  for await (const report of run) reports.push(report)
  return reports
}

/** What of a report does not hang on the time. */
export function told({ step, epoch, loss, gradNorm, learningRate, tokens, labelTokens }: StepReport) {
  return { step, epoch, loss, gradNorm, learningRate, tokens, labelTokens }
}

/** Every trained number of a model. */
export async function trainedNumbers(model: CausalLm): Promise<Float32Array[]> {
  return Promise.all(model.trainableParameters().map((tensor) => tensor.read()))
}

/** A run of one narrow layer with LoRA and dropout on query_key_value: as few kernels as a step can have. */
export function oneLayerRun(device: Device, examples: readonly Example[], options: TrainingOptions): TrainingRun {
  const config = falconRwConfig({ vocabSize: 64, hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 2 })
  const weights = initialWeights(device, modelWeights(config), 0.3, 1)
  const model = new FalconForCausalLM(config, weights)
  attachLora(model, { r: 2, loraAlpha: 4, loraDropout: 0.1 }, { device, seed: 5 })
  return new TrainingRun(model, examples, options)
}
