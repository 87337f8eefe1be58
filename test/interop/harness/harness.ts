/**
 * lm-evaluation-harness itself judges SmolLM2-135M-Instruct through our endpoint, by its client local-completions over
 * HTTP, and must find what it finds with transformers (NUMBERS/lm-eval-public.json), and what our own `evaluate` finds.
 * Prints what a question cost either way. Needs a Python with lm_eval[api] and transformers. See `usage`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { listen } from '../../../src/cli/serve/node-server.ts'
import { evaluate, loadModel, openDevice, type Question } from '../../../src/index.ts'
import { createEndpoint } from '../../../src/serve/index.ts'
import { CheckLines } from '../../golden/check-lines.ts'
import { equal, within } from '../../golden/check.ts'
import { hasHarness, judge } from './lm-eval.ts'

/** Of a task, what the harness found with transformers. */
interface PublicTask {
  readonly file: string
  readonly docs: readonly {
    readonly loglikelihoods: readonly number[]
    readonly is_greedy: readonly boolean[]
    readonly acc: number
  }[]
}

/** Between log-likelihoods of two f32 implementations. */
const bound = 1e-3

const usage = `usage: npm run harness -- GGUF NUMBERS BENCHMARKS [--questions N] [--task NAME] [--python PYTHON]
  [--device cpu|webgpu]: the first N questions (3) of each task, or of one`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    questions: { type: 'string', default: '3' },
    python: { type: 'string', default: 'python3' },
    device: { type: 'string', default: 'cpu' },
    task: { type: 'string' },
  },
})
const [gguf, numbers, benchmarks] = positionals
const most = Number(values.questions)
const which = values.device
if (gguf === undefined || numbers === undefined || benchmarks === undefined || !(most > 0) || !isDevice(which)) {
  console.error(usage)
  process.exit(2)
}
if (!hasHarness(values.python)) {
  console.log(`not run: ${values.python} lacks lm_eval[api] or transformers; test/interop/requirements.txt has them`)
  process.exit(0)
}

const text = readFileSync(join(numbers, 'lm-eval-public.json'), 'utf8')
const { tasks: known } = JSON.parse(text) as { readonly tasks: Readonly<Record<string, PublicTask>> }
const folder = mkdtempSync(join(tmpdir(), 'peft-medaware-harness-'))
/** The questions whose answers are known, as many as are wanted, in files of their own: the harness asks all of one. */
const tasks = Object.entries(known).flatMap(([name, { file, docs }]) => {
  if (values.task !== undefined && values.task !== name) return []
  const lines = readFileSync(resolve(benchmarks, file), 'utf8').split('\n').slice(0, Math.min(most, docs.length))
  const own = join(folder, `${name}.jsonl`)
  writeFileSync(own, `${lines.join('\n')}\n`)
  return [{ name, file: own, questions: lines.map((line) => JSON.parse(line) as Question) }]
})
if (tasks.length === 0) throw new Error(`--task must be one of ${Object.keys(known).join(', ')}, got ${values.task}`)
const lines = new CheckLines([76, 0])
const { device } = await openDevice({ device: which })
const { model, tokenizer } = await loadModel(gguf, { device })
if (tokenizer === null) throw new Error(`${gguf} has no tokenizer`)

const endpoint = createEndpoint({ model, tokenizer, name: 'smollm2' })
const server = await listen(endpoint.fetch, '127.0.0.1', 0)
const asked = { python: values.python, url: server.url, tokenizer: resolve(numbers), folder }
const served = clock()
const judged = await judge(tasks, asked).finally(async () => {
  await Promise.all([endpoint.close(), server.close()])
  rmSync(folder, { recursive: true, force: true })
})

const through = served()
let alone = 0
for (const { name, questions } of tasks) {
  const samples = judged.get(name) ?? []
  const docs = known[name]?.docs.slice(0, questions.length) ?? []
  const benchmark = { task: name, questions }
  const evaluated = clock()
  const report = await evaluate(model, tokenizer, benchmark, { batchSize: 1 })
  alone += evaluated()

  const found = samples.flatMap(({ filtered_resps: answers }) =>
    answers.map(([logLikelihood]) => Number(logLikelihood)),
  )
  const greedy = samples.flatMap(({ filtered_resps: answers }) =>
    answers.map(([, isGreedy]) => Number(isGreedy === 'True')),
  )
  const right = samples.map(({ acc }) => acc)
  const what = `${name}, ${docs.length} questions`
  const theirs = docs.flatMap(({ loglikelihoods }) => loglikelihoods)
  const ours = report.documents.flatMap(({ logLikelihoods }) => logLikelihoods)
  for (const check of [
    within(`${what}: log-likelihoods beside transformers`, found, theirs, bound),
    within(`${what}: log-likelihoods beside evaluate`, found, ours, bound),
    equal(
      `${what}: what is greedy`,
      greedy,
      docs.flatMap((doc) => doc.is_greedy.map(Number)),
    ),
    equal(
      `${what}: which are answered rightly`,
      right,
      docs.map(({ acc }) => acc),
    ),
    within(`${what}: accuracy`, [mean(right)], [report.acc.value], 1e-12),
  ]) {
    lines.print(check.name, '', check)
  }
  console.log(`${what}: accuracy ${mean(right)}`)
}
device.dispose()
const count = [...judged.values()].reduce((sum, { length }) => sum + length, 0)
const [longer, shorter] = [through, alone].map((seconds) => (seconds / count).toFixed(2))
console.log(`a question took ${longer} s of this process's cores through the endpoint, ${shorter} s by evaluate`)
console.log(`${lines.passed} passed, ${lines.failed} failed`)
process.exit(lines.exitCode)

/** Begins to count the seconds that cores work for this process, all its threads together. */
function clock(): () => number {
  const begun = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(begun)
    return (user + system) / 1e6
  }
}

function mean(figures: readonly number[]): number {
  return figures.reduce((sum, each) => sum + each, 0) / figures.length
}

function isDevice(name: string): name is 'cpu' | 'webgpu' {
  return name === 'cpu' || name === 'webgpu'
}
