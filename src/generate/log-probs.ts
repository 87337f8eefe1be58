import { check } from '../core/errors.ts'
import { logSumExp } from '../models/log-sum-exp.ts'

/** How likely a token is where it may stand. */
export interface TokenLogProb {
  readonly token: number
  /** Its log-probability by the model's own distribution, whatever was drawn from, in nats. */
  readonly logProb: number
}

/** How likely the token of a place is, and what is likeliest there. */
export interface TokenLogProbs extends TokenLogProb {
  /** The likeliest tokens, the most likely first; of equals the lower id. */
  readonly top: readonly TokenLogProb[]
}

/**
 * How likely a token is by one row of logits: log-softmax in double precision.
 * @param most How many of the likeliest tokens are told. @throws MedAwareError `numeric` where logits are not finite.
 */
export function tokenLogProbs(logits: Float32Array, token: number, most: number): TokenLogProbs {
  const { logSum } = logSumExp(logits)
  const logProbOf = (id: number): TokenLogProb => ({ token: id, logProb: (logits[id] ?? NaN) - logSum })
  const { logProb } = logProbOf(token)
  check(Number.isFinite(logProb), 'numeric', () => `generate: the model's logits are not finite`)
  return { token, logProb, top: likeliest(logits, most).map(logProbOf) }
}

/** Ids of the largest logits, the largest first. */
function likeliest(logits: Float32Array, most: number): number[] {
  const ids: number[] = []
  let least = -Infinity
  for (let id = 0; most > 0 && id < logits.length; id++) {
    const logit = logits[id] ?? NaN
    if (ids.length === most && !(logit > least)) continue
    let at = ids.length
    while (at > 0 && logit > (logits[ids[at - 1] ?? 0] ?? NaN)) at--
    ids.splice(at, 0, id)
    if (ids.length > most) ids.pop()
    least = logits[ids.at(-1) ?? 0] ?? NaN
  }
  return ids
}
