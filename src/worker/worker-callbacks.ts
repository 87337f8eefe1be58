import { check } from '../core/errors.ts'
import { listOf, readArgument, withMethods } from '../core/options.ts'
import type { StepReport } from '../train/step-report.ts'
import type { EvaluationEntry, TrainerCallback, TrainerContext, TrainerControl } from '../trainer/trainer-callback.ts'
import type { CallbackSent, ContextSent } from './calls/callbacks-sent.ts'
import { Awaited } from './pack.ts'

/** Where a training in a worker is: as on the main thread, with a handle `M` of the model. */
export type WorkerContext<M> = Omit<TrainerContext, 'model' | 'store' | 'options'> & { readonly model: M }

type Awaitable = void | Promise<void>

/** As `TrainerCallback`, called here and waited for by the worker. */
export interface WorkerCallback<M> {
  readonly name: string
  onTrainBegin?(context: WorkerContext<M>): Awaitable
  onStepEnd?(report: StepReport, context: WorkerContext<M>, control: TrainerControl): Awaitable
  onEvaluate?(entry: EvaluationEntry, context: WorkerContext<M>, control: TrainerControl): Awaitable
  onPredictionStep?(done: number, total: number, context: WorkerContext<M>): void
  onSaveBegin?(step: number, context: WorkerContext<M>): Awaitable
  onSave?(step: number, context: WorkerContext<M>): Awaitable
  onPause?(context: WorkerContext<M>): Awaitable
  onWarning?(message: string): Awaitable
  onTrainEnd?(context: WorkerContext<M>): Awaitable
}

/** What a checkpoint keeps of a callback would have to be had at once, while the worker waits for no one. */
const stateful: readonly (keyof TrainerCallback)[] = ['state', 'restore']

const aCallback = <M>() => withMethods<WorkerCallback<M>>('a callback, an object with a name', [])

/**
 * Callbacks as the worker calls them. @throws MedAwareError `config` for what are none, `unsupported` for one whose
 * state a checkpoint is to keep.
 */
export function sentCallbacks<M>(callbacks: readonly WorkerCallback<M>[], model: M): CallbackSent[] {
  const read = readArgument('train', 'callbacks', callbacks, listOf(aCallback<M>()))
  return read.map((callback) => sentCallback(callback, model))
}

function sentCallback<M>(callback: WorkerCallback<M>, model: M): CallbackSent {
  const own = stateful.find((name) => name in callback)
  check(own === undefined, 'unsupported', () => {
    return (
      `train: the callback ${callback.name} has ${own}, which a worker cannot call while it saves a checkpoint; ` +
      'leave it out, or train without a worker'
    )
  })
  const history = { training: [] as StepReport[], evaluation: [] as EvaluationEntry[] }
  const contextOf = ({ added, ...sent }: ContextSent): WorkerContext<M> => {
    history.training.push(...added.training)
    history.evaluation.push(...added.evaluation)
    return { ...sent, history, model }
  }
  const does = (name: keyof WorkerCallback<M>) => callback[name] !== undefined
  const told = {
    onTrainBegin: (sent: ContextSent) => callback.onTrainBegin?.(contextOf(sent)),
    onStepEnd: async (report: StepReport, sent: ContextSent, control: TrainerControl) => {
      await callback.onStepEnd?.(report, contextOf(sent), control)
      return control
    },
    onEvaluate: async (entry: EvaluationEntry, sent: ContextSent, control: TrainerControl) => {
      await callback.onEvaluate?.(entry, contextOf(sent), control)
      return control
    },
    onSaveBegin: (step: number, sent: ContextSent) => callback.onSaveBegin?.(step, contextOf(sent)),
    onSave: (step: number, sent: ContextSent) => callback.onSave?.(step, contextOf(sent)),
    onPause: (sent: ContextSent) => callback.onPause?.(contextOf(sent)),
    onTrainEnd: (sent: ContextSent) => callback.onTrainEnd?.(contextOf(sent)),
  }
  const names = (Object.keys(told) as (keyof typeof told)[]).filter(does)
  return {
    name: callback.name,
    ...Object.fromEntries(names.map((name) => [name, new Awaited(told[name])])),
    ...(does('onPredictionStep') && {
      onPredictionStep: (done: number, total: number, sent: ContextSent) => {
        callback.onPredictionStep?.(done, total, contextOf(sent))
      },
    }),
    ...(does('onWarning') && { onWarning: (message: string) => void callback.onWarning?.(message) }),
  }
}
