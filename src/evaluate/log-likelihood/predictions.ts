import { check } from '../../core/errors.ts'
import { type LogSum, logSumExp } from '../../models/log-sum-exp.ts'

/** How likely a text is behind another. */
export interface LogLikelihood {
  /** Σ of the log-probabilities of its tokens, in nats. */
  readonly logLikelihood: number
  /** Whether each of them is the likeliest of its place. */
  readonly isGreedy: boolean
}

/** What some places of a text predict: log-softmax in double precision over f32 logits [rows, vocab]. */
export class Predictions {
  readonly #logits: Float32Array
  readonly #vocabSize: number
  readonly #rows = new Map<number, LogSum>()

  constructor(logits: Float32Array, vocabSize: number) {
    this.#logits = logits
    this.#vocabSize = vocabSize
  }

  /** How likely a token is at a place. @throws MedAwareError `numeric` where logits are not finite. */
  of(row: number, token: number): LogLikelihood {
    const { logSum, likeliest } = this.#row(row)
    const logLikelihood = (this.#logits[row * this.#vocabSize + token] ?? NaN) - logSum
    check(Number.isFinite(logLikelihood), 'numeric', () => {
      return `evaluate: the log-likelihood of token ${token} is ${logLikelihood}; the model's logits are not finite`
    })
    return { logLikelihood, isGreedy: token === likeliest }
  }

  #row(row: number): LogSum {
    const held = this.#rows.get(row)
    if (held !== undefined) return held
    const made = logSumExp(this.#logits.subarray(row * this.#vocabSize, (row + 1) * this.#vocabSize))
    this.#rows.set(row, made)
    return made
  }
}
