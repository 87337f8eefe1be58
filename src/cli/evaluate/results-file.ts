import { appendFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { check } from '../../core/errors.ts'
import { fingerprint } from '../../evaluate/log-likelihood/fingerprint.ts'
import type { DocumentScore } from '../../evaluate/scores/document-score.ts'
import type { PretrainedLm } from '../../models/causal-lm.ts'

/** A question's line; names on disk are in snake_case. */
interface ResultLine {
  readonly task: string
  readonly id: string
  readonly prompt_sha256: string
  readonly log_likelihoods: readonly number[]
  readonly is_greedy: readonly boolean[]
}

/**
 * Log-likelihoods in a file, a line of JSON for each question as soon as it is known. The first line says how the model
 * answers to a text of no meaning, so that what another model, adapter or device found is not taken for its own.
 */
export class ResultsFile {
  readonly #path: string
  readonly #lines: readonly ResultLine[]

  private constructor(path: string, lines: readonly ResultLine[]) {
    this.#path = path
    this.#lines = lines
  }

  /** Opens a file to go on with, or begins it. @throws MedAwareError `config` for that of another model. */
  static async open(path: string, model: PretrainedLm): Promise<ResultsFile> {
    const header = JSON.stringify({ device: model.device.kind, fingerprint: await fingerprint(model) })
    const text = await readFile(path, 'utf8').catch(() => null)
    if (text === null || text === '') {
      await writeFile(path, `${header}\n`)
      return new ResultsFile(path, [])
    }
    // A line that was not finished, when the power went, is asked again.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    if (whole.length < text.length) await writeFile(path, whole)
    const [first = '', ...lines] = whole.split('\n')
    check(first === header, 'config', () => {
      return `evaluate: ${path} holds results of another model, adapter or device; give --results another file`
    })
    return new ResultsFile(
      path,
      lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ResultLine),
    )
  }

  /** What the file had of a task when it was opened. */
  known(task: string): DocumentScore[] {
    return this.#lines
      .filter((line) => line.task === task)
      .map(({ id, prompt_sha256: promptSha256, log_likelihoods: logLikelihoods, is_greedy: isGreedy }) => {
        return { id, promptSha256, logLikelihoods, isGreedy }
      })
  }

  add(task: string, { id, promptSha256, logLikelihoods: logs, isGreedy }: DocumentScore): void {
    const line: ResultLine = { task, id, prompt_sha256: promptSha256, log_likelihoods: logs, is_greedy: isGreedy }
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`)
  }
}
