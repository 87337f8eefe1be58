/**
 * Models and their training off the main thread: a worker in a page and in Node, behind the calls of `peft-medaware`.
 * @packageDocumentation
 */
export { type ModelWorker, startWorker } from './start-worker.ts'
export type { WorkerMemory, WorkerOptions } from './calls/worker-calls.ts'
export type { AnyConfig } from './calls/model-calls.ts'
export type {
  WorkerAdapter,
  WorkerModel,
  WorkerRun,
  WorkerTrainDpoOptions,
  WorkerTrainerCallback,
  WorkerTrainerContext,
  WorkerTrainOptions,
} from './worker-model.ts'
