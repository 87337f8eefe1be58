import { join } from 'node:path'
import { fileExists } from '#platform'
import { isJsonObject } from '../../core/json.ts'
import { duration } from '../../trainer/progress/duration.ts'
import { describeMetrics } from '../../trainer/progress/training-line.ts'
import type { TrainResult } from '../../trainer/trainer.ts'
import type { LogHistory, TrainerCallback } from '../../trainer/trainer-callback.ts'
import type { Recipe } from './recipe.ts'
import { usualStorage } from './run-recipe.ts'

/** Files of a run that a person looks for, in the order in which they are told. */
const files = [
  ...['adapter_model.safetensors', 'adapter_config.json', 'README.md', 'run.yaml', 'run.json'],
  ...['log.jsonl', 'log.csv', 'report.html'],
]

/** What a training came to, and what can be done with it, for who started it. */
export class RunSummary {
  readonly #recipe: Recipe
  readonly #out: string
  #history: LogHistory = { training: [], evaluation: [] }
  #formats = ''
  #began = performance.now()
  #saved: readonly number[] = []

  constructor(recipe: Recipe, out: string) {
    this.#recipe = recipe
    this.#out = out
  }

  readonly callback: TrainerCallback = {
    name: 'summary',
    onTrainBegin: ({ history, description: { model } }) => {
      this.#history = history
      this.#formats = isJsonObject(model) ? String(model['formats']) : ''
      this.#began = performance.now()
    },
    onSave: (step) => {
      this.#saved = [...this.#saved, step]
    },
  }

  /** The summary in lines, each with its name in front. */
  async describe(result: TrainResult): Promise<string> {
    const there = await Promise.all(files.map((name) => fileExists(join(this.#out, name))))
    const written = files.filter((_, i) => there[i])
    const has = (name: string) => written.includes(name)
    const { model, eval_data: evalData } = this.#recipe.own
    const how = ['--adapter', this.#out, ...this.#quantizeFlag()]
    const report = has('report.html') ? join(this.#out, 'report.html') : null
    const isAdapter = has('adapter_model.safetensors')
    const lines: readonly (readonly [name: string, text: string])[] = [
      ...this.#losses(),
      ...bestLine(result),
      ['files', `${this.#out}: ${[...written, ...(await this.#checkpoints())].join(', ')}`],
      ...(isAdapter && typeof model === 'string' ? [['chat', commandLine(['chat', model, ...how])] as const] : []),
      ...(typeof evalData === 'string' && isAdapter && typeof model === 'string'
        ? [['evaluate', commandLine(['evaluate', model, evalData, ...how])] as const]
        : []),
      ['report', report ?? commandLine(['resume', this.#out, '--set', 'report_to=html'])],
    ]
    return `${this.#first(result)}\n${lines.map(([name, text]) => `${name.padEnd(10)}${text}\n`).join('')}`
  }

  #first({ step, steps, trainLoss, metrics, best, isStopped }: TrainResult): string {
    const end = isStopped ? `stopped early at step ${step} of ${steps}` : `${steps} steps`
    const time = duration((performance.now() - this.#began) / 1000)
    const measured = metrics === null ? '' : `; ${describeMetrics(metrics)}`
    const of = best?.isLoaded === true ? ` of the best step, ${best.step}` : ''
    return `${end} in ${time}, training loss ${trainLoss.toFixed(4)}${measured}${of}`
  }

  #losses(): readonly (readonly [string, string])[] {
    const { training, evaluation } = this.#history
    const course = (losses: readonly number[]) => `${losses[0]?.toFixed(4) ?? ''} to ${losses.at(-1)?.toFixed(4) ?? ''}`
    const held = evaluation.flatMap(({ metrics: { evalLoss } }) => (evalLoss === undefined ? [] : [evalLoss]))
    const parts = [
      ...(training.length > 1 ? [`training ${course(training.map(({ loss }) => loss))}`] : []),
      ...(held.length > 1 ? [`held-out ${course(held)}`] : []),
    ]
    return parts.length === 0 ? [] : [['loss', parts.join(', ')]]
  }

  /** What brings the base as it was trained on: blocks that a file has come by themselves. */
  #quantizeFlag(): readonly string[] {
    const { quantize = this.#formats.includes(`in ${usualStorage}`) ? usualStorage : 'none' } = this.#recipe.own
    return typeof quantize === 'string' && quantize !== 'none' ? ['--quantize', quantize] : []
  }

  /** Those of this program that are there still, and where they are many the newest. */
  async #checkpoints(): Promise<readonly string[]> {
    const names = this.#saved.map((step) => `checkpoint-${step}`)
    const there = await Promise.all(names.map((name) => fileExists(join(this.#out, name, 'manifest.json'))))
    const kept = names.filter((_, i) => there[i])
    return kept.length > 3 ? [`${kept.length} checkpoints, the newest ${kept.at(-1) ?? ''}`] : kept
  }
}

function bestLine({ best }: TrainResult): readonly (readonly [string, string])[] {
  if (best === null) return []
  const whose = best.isLoaded ? '; the adapter has its weights' : ''
  return [['best', `step ${best.step}, ${best.value.toFixed(4)}${whose}`]]
}

/** A command of this program, as a shell takes it. */
export function commandLine(words: readonly string[]): string {
  return ['peft-medaware', ...words.map(quoted)].join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
