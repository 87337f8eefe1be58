import type { Question } from '../question.ts'
import { letteredLines, letters } from './lettered.ts'
import type { EvaluationTask } from './task.ts'

function about({ context }: Question): string {
  return context === undefined ? '' : `Context: ${context}\n`
}

/** Questions of one's own whose options are listed with letters, of which the model is to say one, as in medqa. */
export const multipleChoice: EvaluationTask = {
  name: 'multiple_choice',
  sampler: 'random',
  prompt: (question) => `${about(question)}Question: ${question.question}\n${letteredLines(question)}Answer:`,
  choices: letters,
}

/**
 * Questions of one's own whose options the model does not see: the text of each is weighed as the answer, as in arc.
 */
export const multipleChoiceText: EvaluationTask = {
  name: 'multiple_choice_text',
  sampler: 'random',
  prompt: (question) => `${about(question)}Question: ${question.question}\nAnswer:`,
  choices: ({ options }) => options,
}
