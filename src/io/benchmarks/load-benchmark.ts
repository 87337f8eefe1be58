import { readCache, writeCache } from '#platform'
import { sha256 } from '../../core/sha256.ts'
import { check, MedAwareError } from '../../core/errors.ts'
import { isJsonObject, parseJson } from '../../core/json.ts'
import { type OptionRules, readArgument, readOptions, table, text } from '../../core/options.ts'
import { show, showNames } from '../../core/show.ts'
import type { Row } from '../../data/dataset.ts'
import type { Benchmark } from '../../evaluate/benchmark.ts'
import { type Question, readQuestions } from '../../evaluate/question.ts'
import { loadDataset } from '../dataset/load-dataset.ts'
import { fileOf } from '../dataset/open-file.ts'
import { textPieces } from '../dataset/text-pieces.ts'
import { hubAliases, type HubOptions, hubRules } from '../huggingface/hub-settings.ts'
import { benchmarkFiles } from './benchmark-files.ts'
import type { BenchmarkSource } from './benchmark-source.ts'

/** How a benchmark is fetched. */
export interface LoadBenchmarkOptions {
  /** The host of raw files, or one that has the same paths. Default: GitHub's, https://raw.githubusercontent.com. */
  readonly host?: string
  /** How it is asked: `fetch` and `offline` count. */
  readonly hub?: HubOptions
}

const rules: OptionRules<LoadBenchmarkOptions> = { host: text, hub: table(hubRules, hubAliases) }

/**
 * The questions of a benchmark, and for MMLU the examples: fetched from where they were published, at a commit whose
 * content is known, and kept for the next time, in Node under ~/.cache/peft-medaware. The licences are MIT.
 * @param task `pubmedqa` (its 500 test questions), `medqa_4options`, `medmcqa` (its validation set, as the harness
 * takes), or `mmlu_anatomy` and its like.
 * @throws MedAwareError `config` for a task that has no files, `network`, `not-found`, and `format` for other content.
 */
export async function loadBenchmark(task: string, options: LoadBenchmarkOptions = {}): Promise<Benchmark> {
  const who = 'loadBenchmark'
  const read = readOptions(who, options, rules)
  const name = readArgument(who, 'task', task, text)
  const files = benchmarkFiles.get(name)
  check(files !== undefined, 'config', () => {
    return `${who}: ${show(task)} has no files; there are ${showNames([...benchmarkFiles.keys()], 24)}`
  })
  const questions = await fetchQuestions(files.questions, read)
  if (files.examples === undefined) return { task: name, questions }
  return { task: name, questions, examples: await fetchQuestions(files.examples, read) }
}

/** The questions of a source, from what is kept, else from its host. @throws MedAwareError as `loadBenchmark`. */
export async function fetchQuestions(source: BenchmarkSource, options: LoadBenchmarkOptions = {}): Promise<Question[]> {
  const { host = 'https://raw.githubusercontent.com', hub = {} } = options
  const kept = `benchmark-${source.sha256.slice(0, 16)}.json`
  const known = await keptQuestions(kept, source)
  if (known !== null) return known
  const address = (path: string) => `${host.replace(/\/+$/, '')}/${path}`
  const rows = source.path.endsWith('.json')
    ? await jsonRows(address(source.path), source, address, hub)
    : await listOf(await loadDataset(address(source.path), { hub }))
  const questions = rows.map(source.question)
  const found = await digestOf(questions)
  if (found !== source.sha256) {
    const content = `${questions.length} questions of digest ${found}, expected ${source.rows} of ${source.sha256}`
    throw new MedAwareError('format', `loadBenchmark: ${address(source.path)} is not what is known here: ${content}`)
  }
  await writeCache(kept, JSON.stringify(questions))
  return questions
}

/** SHA-256 of what matters of questions: a line of JSON for each, without ids. */
export function digestOf(questions: readonly Question[]): Promise<string> {
  const lines = questions.map(({ question, context = null, options, answer }) => {
    return JSON.stringify([question, context, options, answer])
  })
  return sha256(lines.join('\n'))
}

/** What is kept, where it is whole. */
async function keptQuestions(name: string, source: BenchmarkSource): Promise<Question[] | null> {
  const held = await readCache(name)
  if (held === null) return null
  try {
    const questions = readQuestions('loadBenchmark', name, JSON.parse(held) as unknown)
    return (await digestOf(questions)) === source.sha256 ? questions : null
  } catch {
    return null
  }
}

/** Rows of a file that is an object of rows by name, or of JSON's lines. */
async function jsonRows(
  url: string,
  { chosenBy }: BenchmarkSource,
  address: (path: string) => string,
  hub: HubOptions,
): Promise<Row[]> {
  if (chosenBy === undefined) return listOf(await loadDataset(url, { format: 'jsonl', hub }))
  const [all, chosen] = [await objectAt(url, hub), await objectAt(address(chosenBy), hub)]
  // Names are numbers, which JSON.parse puts in ascending order; the file's own order is in its text.
  return chosen.names.map((id) => {
    const row = all.values[id]
    check(isJsonObject(row), 'format', () => `${url}: has no row ${show(id)}, which ${address(chosenBy)} names`)
    return { ...row, id }
  })
}

async function objectAt(url: string, hub: HubOptions) {
  const source = await fileOf('loadBenchmark', url, hub).open()
  try {
    let whole = ''
    for await (const piece of textPieces(source)) whole += piece
    const values = parseJson(url, whole)
    check(isJsonObject(values), 'format', () => `${url}: must be an object, got ${show(values)}`)
    const names = [...whole.matchAll(/^ {4}"(\d+)":/gm)].map(([, name = '']) => name)
    return { values, names }
  } finally {
    await source.close?.()
  }
}

async function listOf(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = []
  for await (const row of rows) all.push(row)
  return all
}
