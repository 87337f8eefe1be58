import { checkOptions, letteredLines, letters } from './lettered.ts'
import type { EvaluationTask } from './task.ts'

/** MedQA's USMLE questions with four options (lm-evaluation-harness, tasks/medqa). */
export const medqa: EvaluationTask = {
  name: 'medqa_4options',
  sampler: 'random',
  prompt(question) {
    checkOptions('medqa_4options', question, 4)
    return `Question: ${question.question}\n${letteredLines(question)}Answer:`
  },
  choices: letters,
}
