/** A row of logits as probabilities are made of it. */
export interface LogSum {
  /** ln Σ exp(logit), in double precision. */
  readonly logSum: number
  /** Of the largest logit, the first of equals. */
  readonly likeliest: number
}

/** What turns logits into log-probabilities, `logit - logSum`: not finite where they are not. */
export function logSumExp(logits: Float32Array): LogSum {
  let likeliest = 0
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? NaN) > (logits[likeliest] ?? NaN)) likeliest = i
  const largest = logits[likeliest] ?? NaN
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  return { logSum: largest + Math.log(sum), likeliest }
}
