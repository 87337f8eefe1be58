import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type Example, type PretrainedLm, Trainer, type TrainerCallback, type TrainResult } from 'peft-medaware'
import { checkpointsIn } from '../../options.ts'

/** How a stage of a round trains. */
export interface StageOptions {
  readonly folder: string
  readonly learningRate: number
  readonly batchSize: number
  readonly seed: number
  readonly signal: AbortSignal
  readonly callbacks: readonly TrainerCallback[]
  readonly onWarning: (text: string) => void
}

/** What all stages have in common: a short warm-up, a cosine, and checkpoints from which an ended stage goes on. */
export function stageSettings({ folder, learningRate, batchSize, seed, signal, callbacks, onWarning }: StageOptions) {
  return {
    ...{ numTrainEpochs: 1, batchSize, learningRate, schedule: 'cosine', warmup: 0.05, maxGradNorm: 1, seed },
    ...{ outputDir: folder, saveSteps: 25, saveTotalLimit: 1, resumeFromCheckpoint: true },
    ...{ signal, callbacks, onWarning },
  } as const
}

/**
 * Trains the adapter on a model on examples, each once, in a folder of its own; goes on there after an end in between.
 * @throws MedAwareError as `Trainer`; the signal's reason, when a checkpoint is saved.
 */
export async function trainPairs(
  model: PretrainedLm,
  examples: readonly Example[],
  options: StageOptions,
): Promise<TrainResult> {
  const trainer = new Trainer(model, examples, { ...stageSettings(options), groupByLength: true })
  try {
    return await trainer.train()
  } finally {
    trainer.dispose()
  }
}

/** Removes the checkpoints of a stage that has ended and whose adapter is saved. */
export async function removeCheckpoints(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  for (const checkpoint of checkpointsIn(folder)) await rm(checkpoint, { recursive: true })
}
