/** What a model makes of one question. */
export interface DocumentScore {
  /** The question's. */
  readonly id: string
  /** SHA-256 of what the model read before an answer, in hexadecimal digits. */
  readonly promptSha256: string
  /** Of each choice, in nats. */
  readonly logLikelihoods: readonly number[]
  /** Of each choice: whether the model would have said it. */
  readonly isGreedy: readonly boolean[]
}

/** A question with what was chosen. */
export interface ChosenAnswer extends DocumentScore {
  /** The right choice, counted from 0. */
  readonly target: number
  /** The likeliest choice; the first of those that are equal. */
  readonly chosen: number
  /** Whether it is right: acc. */
  readonly isCorrect: boolean
  /** Whether the likeliest choice a character is right: acc_norm. */
  readonly isCorrectByCharacter: boolean
  /** Whether the likeliest choice a byte of UTF-8 is right: acc_bytes. */
  readonly isCorrectByByte: boolean
}

const encoder = new TextEncoder()

/** Chooses as lm-evaluation-harness does (api/task.py, process_results): lengths are the choices' without the blank. */
export function chooseAnswer(score: DocumentScore, choices: readonly string[], target: number): ChosenAnswer {
  const { logLikelihoods: logs } = score
  const chosen = argmax(logs)
  // A character is a code point, as in Python.
  const byCharacter = argmax(logs.map((log, i) => log / Array.from(choices[i] ?? '').length))
  const byByte = argmax(logs.map((log, i) => log / encoder.encode(choices[i] ?? '').length))
  return {
    ...score,
    target,
    chosen,
    isCorrect: chosen === target,
    isCorrectByCharacter: byCharacter === target,
    isCorrectByByte: byByte === target,
  }
}

/** The first of the largest. */
function argmax(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > (values[best] ?? NaN) ? i : best), 0)
}
