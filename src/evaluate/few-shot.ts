import { check } from '../core/errors.ts'
import { PythonRandom } from '../core/python/random.ts'
import type { Question } from './question.ts'
import type { EvaluationTask } from './tasks/task.ts'

/** How many solved examples stand before each question. */
export interface FewShot {
  readonly numFewshot: number
  readonly examples: readonly Question[]
  readonly fewshotSeed: number
}

/**
 * What a model reads of each question: the task's description, solved examples and the question, as
 * lm-evaluation-harness 0.4.13 joins them (api/task.py, fewshot_context). Drawn examples follow one another through all
 * questions, so they depend on the questions' order.
 * @throws MedAwareError `config` for more examples than there are, and as the task does.
 */
export function promptsOf(
  task: EvaluationTask,
  questions: readonly Question[],
  { numFewshot, examples, fewshotSeed }: FewShot,
): string[] {
  check(numFewshot <= examples.length, 'config', () => {
    return `evaluate: numFewshot is ${numFewshot}, and ${task.name} is given ${examples.length} examples; give as many`
  })
  const random = new PythonRandom(fewshotSeed)
  return questions.map((question) => {
    const shown = task.sampler === 'first_n' ? examples.slice(0, numFewshot) : random.sample(examples, numFewshot)
    const solved = shown.map((example) => `${task.prompt(example)} ${answerOf(task, example)}\n\n`)
    return [task.description ?? '', ...solved, task.prompt(question)].join('')
  })
}

function answerOf(task: EvaluationTask, example: Question): string {
  return task.choices(example)[example.answer] ?? ''
}
