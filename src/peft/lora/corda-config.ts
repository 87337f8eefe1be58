import { flag, oneOf, type OptionRules, orNull, text, that } from '../../core/options.ts'

/** How CorDA starts LoRA, in PEFT's words (peft/tuners/lora/config.py, CordaConfig). */
export interface CordaConfig {
  /**
   * Where W · C has its largest singular values (instruction-previewed mode, 'ipm'), or its smallest, so that what the
   * batches show is kept (knowledge-preserved mode, 'kpm'). Default 'ipm'.
   */
  readonly cordaMethod: 'ipm' | 'kpm'
  /** A file of PEFT's own process; only null. */
  readonly cacheFile: string | null
  /** A file of PEFT's own process; only null. */
  readonly covarianceFile: string | null
  /** Whether PEFT prints its progress; only false, for `onProgress` is told of it. */
  readonly verbose: boolean
  /** Whether PEFT keeps covariances in f16; only false: they are f32. */
  readonly useFloat16ForCovariance: boolean
  /** Whether PEFT takes what it made off its modules; without effect, for here it never stays. Default true. */
  readonly pruneTemporaryFields: boolean
}

/** PEFT's defaults. */
export const cordaDefaults: CordaConfig = {
  cordaMethod: 'ipm',
  cacheFile: null,
  covarianceFile: null,
  verbose: false,
  useFloat16ForCovariance: false,
  pruneTemporaryFields: true,
}

const noFile = that('null, for nothing is kept in files', (value) => value === null)

/** A rule for each field, for a caller who starts an adapter. */
export const cordaRules: OptionRules<CordaConfig> = {
  cordaMethod: oneOf(['ipm', 'kpm']),
  cacheFile: noFile,
  covarianceFile: noFile,
  verbose: that('false; onProgress of startLora is told', (value) => value === false),
  useFloat16ForCovariance: that('false, for covariances are f32', (value) => value === false),
  pruneTemporaryFields: flag,
}

/** The same for a file, which keeps what PEFT was told. */
export const savedCordaRules: OptionRules<CordaConfig> = {
  ...cordaRules,
  cacheFile: orNull(text),
  covarianceFile: orNull(text),
  verbose: flag,
  useFloat16ForCovariance: flag,
}
