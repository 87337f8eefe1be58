import type { Rows } from '../data/dataset.ts'
import { fromThisPage } from '../io/sources/relative-address.ts'
import type { PreferenceDataset, TrainDpoOptions } from '../trainer/preference/train-dpo.ts'
import type { TrainDataset, TrainDatasetOptions } from '../trainer/train.ts'
import type { TrainResult } from '../trainer/trainer.ts'
import type { adapterCalls } from './calls/adapter-calls.ts'
import type { Sent } from './calls/callbacks-sent.ts'
import type { HeldAdapter, HeldModel, HeldRun } from './calls/held.ts'
import type { AnyConfig, modelCalls } from './calls/model-calls.ts'
import type { runCalls } from './calls/run-calls.ts'
import { adapterKinds, type Handle, modelKinds, type Remote, remote, runKinds } from './remote.ts'
import type { Wire } from './wire.ts'
import { sentCallbacks, type WorkerCallback, type WorkerContext } from './worker-callbacks.ts'

/** An adapter in the worker: its name and config, and the calls on it. */
export type WorkerAdapter = HeldAdapter['facts'] & Remote<typeof adapterCalls>

/** A run in the worker, gone through by `train`; its numbers, and the calls on it. */
export type WorkerRun = HeldRun['facts'] & Remote<typeof runCalls>

/** As `TrainerCallback`, called here, and waited for by the worker. */
export type WorkerTrainerCallback = WorkerCallback<WorkerModel>

/** Where a training in the worker is. */
export type WorkerTrainerContext = WorkerContext<WorkerModel>

/** What a training is told in a worker: its options `O` on the main thread, but for what cannot go there. */
export type InWorker<O> = Omit<Sent<O>, 'callbacks'> & {
  /** Told of the training as it goes, here; the worker waits for them. Default none. */
  readonly callbacks?: readonly WorkerTrainerCallback[]
}

/** What `train` is told in a worker. */
export type WorkerTrainOptions = InWorker<TrainDatasetOptions>

/** What `trainDpo` is told in a worker. */
export type WorkerTrainDpoOptions = InWorker<TrainDpoOptions>

type ModelCalls = Remote<typeof modelCalls>
type Giving<K extends keyof ModelCalls, T> = (...args: Parameters<ModelCalls[K]>) => Promise<T>

/** A model in the worker, with the tokenizer that came with it: the calls of the main thread, without their model. */
export type WorkerModel = HeldModel['facts'] &
  Omit<
    ModelCalls,
    'train' | 'trainDpo' | 'prepareExamples' | 'attachAdapter' | 'attachLora' | 'openAdapter' | 'trainingRun'
  > & {
    /** As `train`. @throws MedAwareError also `unsupported`, for options that cannot go to a worker. */
    train(data: TrainDataset, options?: WorkerTrainOptions): Promise<TrainResult>
    /** As `trainDpo`. @throws MedAwareError also `unsupported`, for options that cannot go to a worker. */
    trainDpo(data: PreferenceDataset, options?: WorkerTrainDpoOptions): Promise<TrainResult>
    readonly prepareExamples: ModelCalls['prepareExamples']
    attachAdapter(config: AnyConfig, options?: Parameters<ModelCalls['attachAdapter']>[1]): Promise<WorkerAdapter>
    readonly attachLora: Giving<'attachLora', WorkerAdapter>
    readonly openAdapter: Giving<'openAdapter', WorkerAdapter>
    readonly trainingRun: Giving<'trainingRun', WorkerRun>
  }

/** The handle of a model. */
export function workerModel(wire: Wire, { id, facts, kept }: Handle): WorkerModel {
  const calls = remote<typeof modelCalls>(wire, id, modelKinds, kept)
  const model: WorkerModel = {
    ...(facts as HeldModel['facts']),
    ...calls,
    train: async (data, { callbacks, evalDataset, ...options } = {}) =>
      calls.train(sentRows(data), {
        ...{ signal: ownSignal(), ...options },
        ...sentParts(model, callbacks, evalDataset),
      }),
    trainDpo: async (data, { callbacks, evalDataset, ...options } = {}) =>
      calls.trainDpo(sentRows(data), {
        ...{ signal: ownSignal(), ...options },
        ...sentParts(model, callbacks, evalDataset),
      }),
    prepareExamples: (rows, options) => calls.prepareExamples(sentRows(rows), options),
    attachAdapter: async (config, options) => workerAdapter(wire, await calls.attachAdapter(config, options)),
    attachLora: async (config, options) => workerAdapter(wire, await calls.attachLora(config, options)),
    openAdapter: async (source, options) => workerAdapter(wire, await calls.openAdapter(fromThisPage(source), options)),
    trainingRun: async (examples, options) => workerRun(wire, await calls.trainingRun(examples, options)),
  }
  return model
}

/** A training has a signal in any case: an on… callback that throws ends it by that. */
function ownSignal(): AbortSignal {
  return new AbortController().signal
}

/** What of a training's options cannot go to the worker as it is. */
function sentParts<D extends TrainDataset | PreferenceDataset>(
  model: WorkerModel,
  callbacks: readonly WorkerTrainerCallback[] | undefined,
  evalDataset: D | null | undefined,
) {
  return {
    ...(evalDataset !== undefined && { evalDataset: evalDataset === null ? null : sentRows(evalDataset) }),
    ...(callbacks && { callbacks: sentCallbacks(callbacks, model) }),
  }
}

function workerAdapter(wire: Wire, { id, facts, kept }: Handle): WorkerAdapter {
  return { ...(facts as HeldAdapter['facts']), ...remote<typeof adapterCalls>(wire, id, adapterKinds, kept) }
}

function workerRun(wire: Wire, { id, facts, kept }: Handle): WorkerRun {
  const calls = remote<typeof runCalls>(wire, id, runKinds, kept)
  const restoreRun: typeof calls.restoreRun = (source, options) => calls.restoreRun(fromThisPage(source), options)
  return { ...(facts as HeldRun['facts']), ...calls, restoreRun }
}

/** Rows that a function opens, as what opens anew for each pass: an iterable can go to a worker. */
function sentRows<T extends Rows | TrainDataset | PreferenceDataset>(data: T): T | AsyncIterable<never> {
  if (typeof data !== 'function') return data
  return {
    async *[Symbol.asyncIterator]() {
      yield* data() as AsyncIterable<never>
    },
  }
}
