import type { TokenBatch } from '../models/causal-lm.ts'
import { predictedLabels, type Predictor } from '../models/example.ts'

/** Rows of tokens and what is to be learned of them: what a model's own loss takes. */
export interface LabelledBatch extends TokenBatch {
  /** [b · t], row by row: the token itself where it is to be predicted, -100 where not. */
  readonly labels: Int32Array
}

/** Whether a batch is one that a model's own loss takes. */
export function isLabelled(batch: unknown): batch is LabelledBatch {
  if (typeof batch !== 'object' || batch === null || !('labels' in batch) || !('shape' in batch)) return false
  return batch.labels instanceof Int32Array && Array.isArray(batch.shape)
}

/** Tokens that a model predicts. */
export function labelCountOf({ labels, shape: [, tokens] }: LabelledBatch, model: Predictor): number {
  return predictedLabels(labels, tokens, model)
}

/** Tokens that are read; padding is known by the mask alone. */
export function tokenCountOf({ labels, attentionMask }: LabelledBatch): number {
  return attentionMask?.reduce((count, byte) => count + +(byte !== 0), 0) ?? labels.length
}
