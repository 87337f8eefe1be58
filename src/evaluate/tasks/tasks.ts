import { MedAwareError } from '../../core/errors.ts'
import { nearestName } from '../../core/nearest.ts'
import { show, showNames } from '../../core/show.ts'
import { medmcqa } from './medmcqa.ts'
import { medqa } from './medqa.ts'
import { mmluTasks } from './mmlu.ts'
import { multipleChoice, multipleChoiceText } from './multiple-choice.ts'
import { pubmedqa } from './pubmedqa.ts'
import type { EvaluationTask } from './task.ts'

const tasks: ReadonlyMap<string, EvaluationTask> = new Map(
  [pubmedqa, medqa, medmcqa, ...mmluTasks, multipleChoice, multipleChoiceText].map((task) => [task.name, task]),
)

/** The harness's groups of tasks that are known. */
const groups: ReadonlyMap<string, readonly EvaluationTask[]> = new Map([
  ['multimedqa', [pubmedqa, medmcqa, medqa, ...mmluTasks]],
])

/** Names of the tasks that are known: lm-evaluation-harness's, and `multiple_choice` for questions of one's own. */
export function evaluationTasks(): readonly string[] {
  return [...tasks.keys()]
}

/** @throws MedAwareError `config` for a name that is none of them. */
export function taskNamed(who: string, name: string): EvaluationTask {
  const task = tasks.get(name)
  if (task !== undefined) return task
  const names = evaluationTasks()
  const near = nearestName(name, names)
  const remedy = near === null ? `there are ${showNames(names, 24)}` : `did you mean ${near}?`
  throw new MedAwareError('config', `${who}: there is no task ${show(name)}; ${remedy}`)
}

/** The tasks of a group, or the task itself. @throws MedAwareError `config` for a name that is neither. */
export function taskNames(who: string, name: string): readonly string[] {
  const group = groups.get(name) ?? [taskNamed(who, name)]
  return group.map((task) => task.name)
}
