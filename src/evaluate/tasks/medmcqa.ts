import { checkOptions, letteredLines, letters } from './lettered.ts'
import type { EvaluationTask } from './task.ts'

/** MedMCQA, questions of Indian entrance exams (lm-evaluation-harness, tasks/medmcqa). */
export const medmcqa: EvaluationTask = {
  name: 'medmcqa',
  sampler: 'random',
  prompt(question) {
    checkOptions('medmcqa', question, 4)
    return `Question: ${question.question}\nChoices:\n${letteredLines(question)}Answer:`
  },
  choices: letters,
}
