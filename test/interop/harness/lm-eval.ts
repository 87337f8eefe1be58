import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A document as the harness logs it. */
export interface Sample {
  readonly doc_id: number
  /** As Python writes them: numbers, `True` and `False`. */
  readonly filtered_resps: readonly (readonly [logLikelihood: string, isGreedy: string])[]
  readonly acc: number
}

/** A task of the harness over lines of JSON, by the name of one that it has. */
export interface HarnessTask {
  readonly name: string
  readonly file: string
}

/** The harness's own prompts and choices (0.4.13), over our files' columns. */
const prompts: Readonly<Record<string, readonly string[]>> = {
  pubmedqa: [
    String.raw`doc_to_text: "Abstract: {{context}}\nQuestion: {{question}}\nAnswer:"`,
    'doc_to_target: "{{options[answer]}}"',
    'doc_to_choice: ["yes", "no", "maybe"]',
  ],
  medqa_4options: [
    String.raw`doc_to_text: "Question: {{question}}\nA. {{options[0]}}\nB. {{options[1]}}\nC. {{options[2]}}\nD. {{options[3]}}\nAnswer:"`,
    'doc_to_target: answer',
    'doc_to_choice: ["A", "B", "C", "D"]',
  ],
}

/** Whether a Python has the harness, its client of servers and a tokenizer's reader. */
export function hasHarness(python: string): boolean {
  return spawnSync(python, ['-c', 'import lm_eval, tenacity, aiohttp, transformers']).status === 0
}

/** How the harness asks. */
export interface Judging {
  readonly python: string
  /** Of the endpoint. */
  readonly url: string
  /** A model's folder with its tokenizer. */
  readonly tokenizer: string
  /** For what it writes. */
  readonly folder: string
}

/**
 * Lets the harness judge the model `smollm2` of an endpoint, by its client local-completions, without the Hub. @returns
 * What it found, by task, in the order of the documents.
 */
export async function judge(
  tasks: readonly HarnessTask[],
  { python, url, tokenizer, folder }: Judging,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const [home, out] = [join(folder, 'home'), join(folder, 'out')]
  mkdirSync(home)
  for (const { name, file } of tasks) writeFileSync(join(folder, `${name}.yaml`), taskFile(name, file))
  const model = `model=smollm2,base_url=${url}/v1/completions,tokenizer_backend=huggingface,tokenizer=${tokenizer}`
  const words = ['-m', 'lm_eval', '--model', 'local-completions', '--model_args', `${model},max_length=8192`]
  const asked = ['--tasks', tasks.map(({ name }) => `served_${name}`).join()]
  await run(python, [...words, ...asked, '--include_path', folder, '--log_samples', '--output_path', out], home)
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' })
  return new Map(
    tasks.map(({ name }) => {
      const file = files.find((each) => each.includes(`samples_served_${name}_`)) ?? ''
      const lines = readFileSync(join(out, file), 'utf8').trim().split('\n')
      return [name, lines.map((line) => JSON.parse(line) as Sample).sort((a, b) => a.doc_id - b.doc_id)] as const
    }),
  )
}

function taskFile(name: string, file: string): string {
  const head = [`task: served_${name}`, 'dataset_path: json', 'dataset_kwargs:', '  data_files:']
  const data = [`    test: ${JSON.stringify(file)}`, 'test_split: test', 'output_type: multiple_choice']
  const metrics = ['metric_list:', '  - metric: acc', '    aggregation: mean', '    higher_is_better: true']
  return [...head, ...data, ...(prompts[name] ?? []), ...metrics, ''].join('\n')
}

async function run(python: string, words: readonly string[], home: string): Promise<void> {
  const env = { ...process.env, HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: home, OPENAI_API_KEY: '' }
  const said: Buffer[] = []
  const code = await new Promise<number | null>((ended, failed) => {
    const child = spawn(python, words, { env, cwd: home })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => said.push(data))
    child.on('error', failed).on('close', ended)
  })
  if (code !== 0) throw new Error(`lm_eval ended with ${code}:\n${Buffer.concat(said).toString().slice(-4000)}`)
}
