import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Row } from '../data/dataset.ts'
import type { Question } from '../evaluate/question.ts'
import { loadBenchmark } from '../io/benchmarks/load-benchmark.ts'
import { loadDataset } from '../io/dataset/load-dataset.ts'
import { type CommandContext, UsageError } from './command.ts'

/** Where `DATA` and `--examples` say that questions lie. */
interface GivenQuestions {
  readonly data: string | undefined
  readonly examples: string | undefined
}

/** Each task's questions, in their order. They are read in turn: the fault told is always the first task's. */
export async function questionsOf(tasks: readonly string[], given: GivenQuestions, context: CommandContext) {
  const sets: Awaited<ReturnType<typeof questionsOfOne>>[] = []
  for (const task of tasks) sets.push(await questionsOfOne(task, tasks.length, given, context))
  return sets
}

/** The questions of a task, and what may be shown solved: of a file, of the task's in a folder, or as published. */
async function questionsOfOne(
  task: string,
  tasks: number,
  { data, examples }: GivenQuestions,
  { signal, progress }: CommandContext,
) {
  if (data === undefined) {
    const published = await loadBenchmark(task, { signal, onProgress: progress.load })
    return examples === undefined ? published : { ...published, examples: await rowsOf(examples) }
  }
  if (!(await isFolder(data))) {
    if (tasks > 1) throw new UsageError(`--tasks has ${tasks} names, and ${data} is one file; give a folder`)
    return { questions: await rowsOf(data), examples: examples === undefined ? [] : await rowsOf(examples) }
  }
  if (examples !== undefined) throw new UsageError(`--examples goes with a file; ${data} is a folder`)
  const beside = join(data, `${task}.examples.jsonl`)
  return {
    questions: await rowsOf(join(data, `${task}.jsonl`)),
    examples: (await isThere(beside)) ? await rowsOf(beside) : [],
  }
}

/** Rows of a file of data. @throws MedAwareError as `loadDataset`. */
export async function rowsOf<T = Question>(path: string): Promise<T[]> {
  const rows: Row[] = []
  for await (const row of await loadDataset(path)) rows.push(row)
  // Who takes them reads each as what it should be.
  return rows as object[] as T[]
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}
