import { pythonStrip } from '../../core/python/words.ts'
import { checkOptions, letteredLines, letters } from './lettered.ts'
import type { EvaluationTask } from './task.ts'

/** MMLU's subjects about medicine, which the harness's group multimedqa has. */
export const mmluSubjects = [
  'anatomy',
  'clinical_knowledge',
  'college_biology',
  'college_medicine',
  'medical_genetics',
  'professional_medicine',
] as const

/** A subject of MMLU (lm-evaluation-harness, tasks/mmlu/default). */
function mmlu(subject: string): EvaluationTask {
  const name = `mmlu_${subject}`
  return {
    name,
    description: `The following are multiple choice questions (with answers) about ${subject.replaceAll('_', ' ')}.\n\n`,
    sampler: 'first_n',
    prompt(question) {
      checkOptions(name, question, 4)
      return `${pythonStrip(question.question)}\n${letteredLines(question)}Answer:`
    },
    choices: letters,
  }
}

/** Each of them as a task, `mmlu_anatomy` and so on. */
export const mmluTasks: readonly EvaluationTask[] = mmluSubjects.map(mmlu)
