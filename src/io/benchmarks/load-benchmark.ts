import { readCache, writeCache } from '#platform'
import { sha256 } from '../../core/sha256.ts'
import { check, MedAwareError } from '../../core/errors.ts'
import { isJsonObject, parseJson } from '../../core/json.ts'
import { abortSignal, callback, type OptionRules, readArgument, readOptions, table, text } from '../../core/options.ts'
import { show, showNames } from '../../core/show.ts'
import type { Row } from '../../data/dataset.ts'
import type { Benchmark } from '../../evaluate/benchmark.ts'
import { type Question, readQuestions } from '../../evaluate/question.ts'
import { loadDataset } from '../dataset/load-dataset.ts'
import { fileOf } from '../dataset/open-file.ts'
import { downloadMeter } from '../huggingface/download-meter.ts'
import type { DownloadProgress } from '../huggingface/hub-folder-options.ts'
import { hubAliases, type HubOptions, hubRules } from '../huggingface/hub-settings.ts'
import { benchmarkFiles } from './benchmark-files.ts'
import type { BenchmarkSource } from './benchmark-source.ts'

/** How a benchmark is fetched. */
export interface LoadBenchmarkOptions {
  /** The host of raw files, or one that has the same paths. Default: GitHub's, https://raw.githubusercontent.com. */
  readonly host?: string
  /** How it is asked: `fetch` and `offline` count. */
  readonly hub?: HubOptions
  /** Called as bytes come of what is not kept, about once a megabyte. */
  readonly onProgress?: (progress: DownloadProgress) => void
  /** Ends it with its reason. */
  readonly signal?: AbortSignal
}

const rules: OptionRules<LoadBenchmarkOptions> = {
  host: text,
  hub: table(hubRules, hubAliases),
  onProgress: callback(),
  signal: abortSignal,
}

/**
 * The questions of a benchmark, and examples for MMLU's subjects and PubMedQA: fetched from where they were published,
 * at a commit whose content is known, and kept for the next time, in Node under ~/.cache/peft-medaware. What breaks off
 * on its way is gone on with. The licences are MIT.
 * @param task `pubmedqa` (its 500 test questions), `medqa_4options`, `medmcqa` (its validation set, as the harness
 * takes), or `mmlu_anatomy` and its like.
 * @throws MedAwareError `config` for a task that has no files, `network`, `not-found`, `format` for other content,
 * and whatever `signal` is aborted with.
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
  const { host = 'https://raw.githubusercontent.com' } = options
  options.signal?.throwIfAborted()
  const kept = `benchmark-${source.sha256.slice(0, 16)}.json`
  const known = await keptQuestions(kept, source)
  if (known !== null) return known
  const address = (path: string) => `${host.replace(/\/+$/, '')}/${path}`
  const file = await fetchFile(address(source.path), options)
  const rows =
    source.chosenBy === undefined
      ? await listOf(await loadDataset(file, { format: source.path.endsWith('.csv') ? 'csv' : 'jsonl' }))
      : await chosenRows(file, await fetchFile(address(source.chosenBy), options), source.isOfOthers ?? false)
  const questions = rows.map(source.question)
  const found = await digestOf(questions)
  if (found !== source.sha256) {
    const content = `${questions.length} questions of digest ${found}, expected ${source.rows} of ${source.sha256}`
    throw new MedAwareError('format', `loadBenchmark: ${address(source.path)} is not what is known here: ${content}`)
  }
  await writeCache(kept, JSON.stringify(questions))
  return questions
}

/** Bytes that are read at a time. */
const pieceBytes = 256 * 1024

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

/** Fetches a file whole. */
async function fetchFile(url: string, { hub = {}, onProgress, signal }: LoadBenchmarkOptions): Promise<File> {
  const source = await fileOf('loadBenchmark', url, hub, signal).open()
  try {
    const meter = downloadMeter(url.slice(url.lastIndexOf('/') + 1), onProgress)
    const bytes = new Uint8Array(source.byteLength)
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const end = Math.min(at + pieceBytes, bytes.length)
      bytes.set(await source.read(at, end), at)
      meter(end, bytes.length)
      signal?.throwIfAborted()
    }
    return new File([bytes], url)
  } finally {
    await source.close?.()
  }
}

/** Rows of an object of rows by name, of which another one names some: these in its order, or all others by number. */
async function chosenRows(file: File, choice: File, isOfOthers: boolean): Promise<Row[]> {
  const [all, chosen] = [await objectIn(file), await objectIn(choice)]
  const named = new Set(chosen.names)
  // Names are numbers, which JSON.parse puts in ascending order; the order of the one that chooses is in its text.
  const wanted = isOfOthers ? Object.keys(all.values).filter((id) => !named.has(id)) : chosen.names
  return wanted.map((id) => {
    const row = all.values[id]
    check(isJsonObject(row), 'format', () => `${file.name}: has no row ${show(id)}, which ${choice.name} names`)
    return { ...row, id }
  })
}

async function objectIn(file: File) {
  const whole = await file.text()
  const values = parseJson(file.name, whole)
  check(isJsonObject(values), 'format', () => `${file.name}: must be an object, got ${show(values)}`)
  const names = [...whole.matchAll(/^ {4}"(\d+)":/gm)].map(([, name = '']) => name)
  return { values, names }
}

async function listOf(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = []
  for await (const row of rows) all.push(row)
  return all
}
