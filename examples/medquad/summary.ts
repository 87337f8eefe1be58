import type { Device, LogHistory, LossReport, ParameterCounts, StorageReport, TrainResult } from 'peft-medaware'
import type { LoadedMedquad } from './data/load-medquad.ts'

/** What a run of the recipe did, as `summary.json` holds it. */
export type Summary = ReturnType<typeof summarize>

interface Results {
  readonly device: Device
  readonly data: LoadedMedquad
  readonly parameters: ParameterCounts
  readonly storage: StorageReport
  readonly result: TrainResult
  readonly before: LossReport
  readonly after: LossReport
  readonly history: LogHistory
  /** Bytes that were planned, and held at most. */
  readonly plannedMemoryBytes: number
  readonly peakMemoryBytes: number
  readonly seconds: { readonly heldOutBefore: number; readonly heldOutAfter: number }
  readonly seed: number
}

/**
 * Gathers the results. Loss in nats a label token; memory in bytes, planned on the device and resident at most; seconds
 * of training and validation are of all parts of a run that was gone on with.
 */
export function summarize(results: Results) {
  const { device, data, parameters, storage, result, history, before, after, seed } = results
  const total = (key: 'tokens' | 'seconds') => history.training.reduce((sum, report) => sum + report[key], 0)
  return {
    device: device.description,
    data: {
      origin: data.origin,
      pairs: data.counts.pairs,
      answered: data.counts.answered,
      train: data.train.length,
      validation: data.validation.length,
      test: data.test.length,
    },
    model: {
      parameters: storage.parameters,
      trainable: parameters.trainable,
      share: parameters.share,
      sharePacked: parameters.sharePacked,
      bitsPerWeight: storage.projections.bitsPerWeight,
    },
    steps: result.steps,
    stepsDone: result.step,
    best: result.best && { step: result.best.step, validationLoss: result.best.value },
    loss: { before: before.loss, after: after.loss },
    bitsPerByte: { before: before.bitsPerByte, after: after.bitsPerByte },
    tokensPerSecond: total('tokens') / total('seconds'),
    seconds: {
      training: total('seconds'),
      validation: history.evaluation.reduce((sum, { metrics }) => sum + (metrics['evalSeconds'] ?? 0), 0),
      ...results.seconds,
    },
    plannedMemoryBytes: results.plannedMemoryBytes,
    peakMemoryBytes: results.peakMemoryBytes,
    seed,
  }
}
