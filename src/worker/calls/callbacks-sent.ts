import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import type { StepReport } from '../../train/step-report.ts'
import type { SamplesOptions } from '../../trainer/report/samples.ts'
import type {
  EvaluationEntry,
  TrainerCallback,
  TrainerContext,
  TrainerControl,
} from '../../trainer/trainer-callback.ts'

/** What of a training's context goes to the page: no model, no store, and of its history only what is new. */
export interface ContextSent extends Pick<TrainerContext, 'steps' | 'step' | 'best' | 'description'> {
  readonly added: TrainerContext['history']
}

/** A callback of the page, as the worker calls it: those of its methods that it has. */
export interface CallbackSent {
  readonly name: string
  readonly onTrainBegin?: (context: ContextSent) => Promise<void>
  /** Gives the control as the page has set it. */
  readonly onStepEnd?: (report: StepReport, context: ContextSent, control: TrainerControl) => Promise<TrainerControl>
  readonly onEvaluate?: (
    entry: EvaluationEntry,
    context: ContextSent,
    control: TrainerControl,
  ) => Promise<TrainerControl>
  readonly onPredictionStep?: (done: number, total: number, context: ContextSent) => void
  readonly onSaveBegin?: (step: number, context: ContextSent) => Promise<void>
  readonly onSave?: (step: number, context: ContextSent) => Promise<void>
  readonly onPause?: (context: ContextSent) => Promise<void>
  readonly onWarning?: (message: string) => void
  readonly onTrainEnd?: (context: ContextSent) => Promise<void>
}

/** What is made again in the worker of what a training is told. */
export interface SentParts {
  readonly callbacks?: readonly CallbackSent[]
  /** Continued with the tokenizer that came with the model. */
  readonly samples?: Omit<SamplesOptions, 'tokenizer'> | null
}

/** What a training is told in a worker, of its options `O` on the main thread. */
export type Sent<O> = Omit<O, keyof SentParts | 'tokenizer' | 'loss' | 'dataCollator'> & SentParts

/** How much of the history the page has. */
export interface CallbackSeen {
  training: number
  evaluation: number
}

/** The parts as the trainer takes them, with the model's tokenizer. */
export function receivedParts({ callbacks, samples }: SentParts, tokenizer: TextTokenizer | null) {
  // The rules of samples refuse null with the remedy.
  const whole = samples && { ...samples, tokenizer: tokenizer as TextTokenizer }
  return {
    ...{ tokenizer },
    ...(callbacks && { callbacks: callbacks.map(callbackOf) }),
    ...(whole !== undefined && { samples: whole }),
  }
}

/** The trainer's own callback in the place of the page's. */
function callbackOf(sent: CallbackSent): TrainerCallback {
  const seen: CallbackSeen = { training: 0, evaluation: 0 }
  const { name, onTrainBegin, onStepEnd, onEvaluate, onSaveBegin, onSave, onPause, onWarning, onTrainEnd } = sent
  const { onPredictionStep } = sent
  const news = ({ steps, step, best, description, history }: TrainerContext): ContextSent => {
    const added = {
      training: history.training.slice(seen.training),
      evaluation: history.evaluation.slice(seen.evaluation),
    }
    seen.training = history.training.length
    seen.evaluation = history.evaluation.length
    return { steps, step, best, description, added }
  }
  return {
    name,
    ...(onTrainBegin && { onTrainBegin: (context) => onTrainBegin(news(context)) }),
    ...(onStepEnd && {
      onStepEnd: async (report, context, control) => {
        Object.assign(control, await onStepEnd(report, news(context), { ...control }))
      },
    }),
    ...(onEvaluate && {
      onEvaluate: async (entry, context, control) => {
        Object.assign(control, await onEvaluate(entry, news(context), { ...control }))
      },
    }),
    ...(onPredictionStep && {
      onPredictionStep: (done, total, context) => onPredictionStep(done, total, news(context)),
    }),
    ...(onSaveBegin && { onSaveBegin: (step, context) => onSaveBegin(step, news(context)) }),
    ...(onSave && { onSave: (step, context) => onSave(step, news(context)) }),
    ...(onPause && { onPause: (context) => onPause(news(context)) }),
    ...(onWarning && { onWarning: (message) => onWarning(message) }),
    ...(onTrainEnd && { onTrainEnd: (context) => onTrainEnd(news(context)) }),
  }
}
