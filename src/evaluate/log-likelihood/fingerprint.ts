import type { CausalLm } from '../../models/causal-lm.ts'
import { logLikelihoods } from './log-likelihoods.ts'

/** The log-likelihood of a few tokens that mean nothing: any change of weights, adapter or device changes it. */
export async function fingerprint(model: CausalLm): Promise<number> {
  const ids = Array.from({ length: 16 }, (_, i) => (i * 7919) % model.vocabSize)
  const [[found] = []] = await logLikelihoods(model, [{ context: ids.slice(0, 8), continuations: [ids.slice(8)] }])
  return found?.logLikelihood ?? NaN
}
