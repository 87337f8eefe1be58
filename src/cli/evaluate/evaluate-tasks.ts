import { evaluate } from '../../evaluate/evaluate.ts'
import { type EvaluationReport, groupReport } from '../../evaluate/scores/report.ts'
import { taskNames } from '../../evaluate/tasks/tasks.ts'
import { readModelFlags, withAdaptedModel } from '../adapted-model.ts'
import { type CommandContext, namesOf, whole } from '../command.ts'
import { questionsOf } from '../questions.ts'
import { ResultsFile } from './results-file.ts'
import { scoreTable } from './score-table.ts'

/** Flags that matter with `--tasks` alone. */
export const taskFlags = {
  tasks: { type: 'string' },
  'num-fewshot': { type: 'string', default: '0' },
  examples: { type: 'string' },
  limit: { type: 'string' },
  results: { type: 'string' },
} as const

interface TaskWords {
  readonly tasks?: string | undefined
  readonly 'num-fewshot': string
  readonly examples?: string | undefined
  readonly limit?: string | undefined
  readonly results?: string | undefined
  readonly json: boolean
}

/** `peft-medaware evaluate SOURCE [DATA] --tasks …`. */
export async function evaluateTasks(
  words: { readonly SOURCE: string; readonly DATA?: string },
  values: TaskWords & Parameters<typeof readModelFlags>[0],
  { batchSize, maxLength }: { readonly batchSize: number; readonly maxLength: number | undefined },
  context: CommandContext,
): Promise<void> {
  const { signal, progress, print } = context
  const names = [...new Set(namesOf(values.tasks).flatMap((name) => taskNames('evaluate', name)))]
  const numFewshot = whole('num-fewshot', values['num-fewshot'], 0)
  const limit = values.limit === undefined ? Infinity : whole('limit', values.limit)
  const asked = readModelFlags(values)
  const given = { data: words.DATA, examples: values.examples }
  const sets = await questionsOf(names, given, context)
  await withAdaptedModel('evaluate', words.SOURCE, asked, context, async (model, tokenizer) => {
    const results = values.results === undefined ? null : await ResultsFile.open(values.results, model)
    const reports: EvaluationReport[] = []
    for (const [i, task] of names.entries()) {
      const { questions = [], examples = [] } = sets[i] ?? {}
      const benchmark = { task, questions: questions.slice(0, limit), examples }
      const report = await evaluate(model, tokenizer, benchmark, {
        ...{ numFewshot, batchSize, signal, onProgress: progress.measuring },
        ...(maxLength !== undefined && { maxLength }),
        ...(results !== null && { known: results.known(task), onDocument: (score) => results.add(task, score) }),
      })
      reports.push(report)
    }
    progress.clear()
    const all = reports.length > 1 ? groupReport('all of them', reports) : null
    const bare = reports.map(({ documents: _, ...report }) => report)
    print(
      values.json
        ? `${JSON.stringify({ tasks: bare, all, engine: model.device.description })}\n`
        : scoreTable(reports, all),
    )
  })
}
