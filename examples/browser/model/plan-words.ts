import { bytes } from '../../medquad/words.ts'
import type { TrainingPlan } from './model-plan.ts'

/** A part of what a training takes. */
export interface PlanPart {
  readonly label: string
  readonly bytes: number
}

/** The parts of a plan that are not empty, and what is left of the total. */
export function partsOf({ memory }: TrainingPlan): PlanPart[] {
  const weights = Object.values(memory.weights).reduce((sum, some) => sum + some, 0)
  const parts = [
    { label: 'Weights of the model', bytes: weights },
    { label: 'Adapter', bytes: memory.adapter },
    { label: 'Optimizer', bytes: memory.optimizer },
    { label: 'Gradients', bytes: memory.gradients },
    { label: 'Activations', bytes: memory.activations },
    { label: 'Logits', bytes: memory.logits },
  ]
  const rest = memory.total - parts.reduce((sum, part) => sum + part.bytes, 0)
  return [...parts, { label: 'All else', bytes: rest }].filter((part) => part.bytes > 0)
}

/** What is planned, as the title of the table. */
export function planTitle({ settings }: TrainingPlan): string {
  const { batchSize, maxLength } = settings
  const questions = batchSize === 1 ? '1 question' : `${batchSize} questions`
  return `Memory of a training on ${questions} of ${maxLength} tokens at once`
}

/** What to change where it does not fit; '' where it does. */
export function adviceOf({ settings, memory, room, problem, fitting }: TrainingPlan): string {
  if (problem === null) return ''
  const lack = room === null ? problem : `${bytes(memory.total)} are needed, and the engine has ${bytes(room)}`
  if (fitting === null) return `It does not fit: ${lack}. Choose a smaller model, or another engine.`
  const { gradientCheckpointing, batchSize, maxLength } = fitting.settings
  const changes = [
    ...(gradientCheckpointing === settings.gradientCheckpointing ? [] : ['recomputed activations']),
    ...(batchSize === settings.batchSize ? [] : [`${batchSize} questions a step`]),
    ...(maxLength === settings.maxLength ? [] : [`${maxLength} tokens at most`]),
  ]
  return `It does not fit: ${lack}. With ${changes.join(' and ')} it takes ${bytes(fitting.memory.total)}, and fits.`
}
