import { fileURLToPath } from 'node:url'

/** A model to fine-tune, and what suits it where the command line does not say. */
export interface Base {
  /** As `loadModel` takes it. */
  readonly source: string
  readonly learningRate: number
  readonly maxLength: number
  /** Held-out questions to measure on, and at most to validate on again and again. */
  readonly heldOut: number
  readonly validated: number
  /** Held-out questions to answer before and after, and tokens of an answer. */
  readonly samples: number
  readonly answerTokens: number
}

/** The small Falcon-RW that comes with the recipe. */
export const baseFolder = fileURLToPath(new URL('base', import.meta.url))

const small: Base = {
  source: baseFolder,
  learningRate: 4e-3,
  maxLength: 256,
  heldOut: 96,
  validated: 48,
  samples: 3,
  answerTokens: 96,
}

/** For models of a hundred million weights and more. */
const large = { learningRate: 5e-4, maxLength: 128, heldOut: 200, validated: 24, samples: 10, answerTokens: 160 }

/** Models by short names. */
const named: Readonly<Record<string, Base>> = {
  'smollm2-135m': { ...large, source: 'HuggingFaceTB/SmolLM2-135M-Instruct' },
}

/** Short names that --model takes. */
export const baseNames: readonly string[] = Object.keys(named)

/** The base that is meant by a short name, a folder, a GGUF file or a name on the Hub; by default the small one. */
export function baseOf(given: string = baseFolder): Base {
  if (given === baseFolder) return small
  return (Object.hasOwn(named, given) ? named[given] : undefined) ?? { ...large, source: given }
}
