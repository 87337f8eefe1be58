import { check } from '../core/errors.ts'
import { either, readArgument, text, withMethods } from '../core/options.ts'
import { type Question, readQuestions } from './question.ts'
import type { EvaluationTask } from './tasks/task.ts'
import { taskNamed } from './tasks/tasks.ts'

/** Questions, and how they are put. */
export interface Benchmark {
  /** The name of a task, one of `evaluationTasks()`, or a task of one's own. */
  readonly task: string | EvaluationTask
  readonly questions: readonly Question[]
  /** Questions that may stand solved before another. Default none. */
  readonly examples?: readonly Question[]
}

/** A benchmark whose task is found and whose questions are checked. */
export interface ReadBenchmark {
  readonly task: EvaluationTask
  readonly questions: readonly Question[]
  readonly examples: readonly Question[]
}

const taskRule = either(text, withMethods<EvaluationTask>('a task', ['prompt', 'choices']))

/** @throws MedAwareError `config` for no question, an unknown task, and what are no questions. */
export function readBenchmark(who: string, benchmark: Benchmark): ReadBenchmark {
  const given = readArgument(who, 'task', (benchmark as Partial<Benchmark> | undefined)?.task, taskRule)
  const task = typeof given === 'string' ? taskNamed(who, given) : given
  const questions = readQuestions(who, 'questions', benchmark.questions)
  check(questions.length > 0, 'config', () => `${who}: ${task.name} is given no question`)
  return { task, questions, examples: readQuestions(who, 'examples', benchmark.examples ?? []) }
}
