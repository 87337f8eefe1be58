import type { ResolvedOptions, RunHooks } from '../../train/training-options.ts'

/** What becomes of an option where a run is written for Python. */
type Followed =
  /** It goes along: in recipe.json, in the examples' order or in the rates. */
  | 'exported'
  /** What is learned does not hang on it, or by the number of steps alone. */
  | 'without effect'
  /** Python goes on alike where it is this, and nowhere else, for then `why`. */
  | { readonly only: unknown; readonly why: string }

/**
 * A row for each option of a run, and for each hook, which a checkpoint names where there is one. The compiler sees to
 * it that none is missing: who adds an option says here whether an exported run can follow it.
 */
export const followedOptions: { readonly [K in keyof (ResolvedOptions & RunHooks)]: Followed } = {
  maxSteps: 'without effect',
  epochs: 'without effect',
  loggingSteps: 'without effect',
  onWarning: 'without effect',
  signal: 'without effect',
  batchSize: 'exported',
  gradientAccumulationSteps: 'exported',
  learningRate: 'exported',
  warmup: 'exported',
  maxGradNorm: 'exported',
  loraplusLrRatio: 'exported',
  loraplusLrEmbedding: 'exported',
  seed: 'exported',
  dataSeed: 'exported',
  groupByLength: 'exported',
  gradientCheckpointing: 'exported',
  disableDropout: 'exported',
  // As far as exportRecipe finds AdamW and a schedule of steps in them.
  optimizer: 'exported',
  schedule: 'exported',
  loss: { only: undefined, why: 'the run has a loss of its own' },
  dataCollator: { only: undefined, why: 'the run makes batches in a way of its own (dataCollator)' },
  neftuneNoiseAlpha: { only: null, why: 'the run puts noise on embeddings (neftuneNoiseAlpha)' },
  labelSmoothingFactor: { only: 0, why: 'the run smooths labels (labelSmoothingFactor)' },
}

/** Why an exported run could not follow these options of a checkpoint; null where it can. */
export function whyNotFollowed(options: Readonly<Record<string, unknown>>): string | null {
  const rows: Readonly<Record<string, Followed | undefined>> = followedOptions
  for (const [name, value] of Object.entries(options)) {
    const row = Object.hasOwn(rows, name) ? rows[name] : undefined
    if (row === undefined) return `the run has an option ${name} that is not known here`
    if (typeof row === 'object' && value !== row.only) return row.why
  }
  return null
}
