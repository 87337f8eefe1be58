import { cleanMedquad } from '../data/clean-medquad.ts'
import type { LoadedMedquad } from '../data/load-medquad.ts'
import { boilerplateOf } from './counts/boilerplate.ts'
import { diseasesIn } from './counts/diseases.ts'
import { lengthsOf, type NamedTokenizer } from './counts/lengths.ts'
import { makeUpOf, paperStepsOf } from './counts/make-up.ts'
import { repeatsOf } from './counts/repeats.ts'
import { templatesOf } from './counts/templates.ts'
import { yearsOf } from './counts/years.ts'
import { nearDefaults, nearDuplicatesOf, type NearOptions } from './near/near-duplicates.ts'
import { type Leaks, leaksOf, randomSplit, someOf } from './near/split-leaks.ts'

/** How much is done of a stage of the audit. */
export type AuditProgress = (stage: string, done: number, total: number) => void

export interface AuditOptions extends Partial<NearOptions> {
  readonly tokenizers?: readonly NamedTokenizer[]
  /** Draws of the random split that is shown beside the recipe's. Default 20. */
  readonly draws?: number
  /** The share that it holds out. Default 0.1. */
  readonly heldOut?: number
  readonly onProgress?: AuditProgress
}

/** What is counted over several draws of a random split. */
type Drawn = Pick<Leaks, 'focus' | 'question' | 'answer' | 'near'>

/** All that the audit counts, in plain data: `audit.json`. */
export type Audit = ReturnType<typeof auditMedquad>

/** Audits what `loadMedquad` gives; the same for the same data, seed and vocabularies. */
export function auditMedquad(
  { all, pairs, train, validation, test }: Pick<LoadedMedquad, 'all' | 'pairs' | 'train' | 'validation' | 'test'>,
  { tokenizers = [], draws = 20, heldOut = 0.1, onProgress, ...given }: AuditOptions = {},
) {
  const answered = cleanMedquad(all, { keepDuplicates: true })
  let texts = 0
  const lengths = lengthsOf(all, tokenizers, () => {
    onProgress?.('counting tokens', ++texts, tokenizers.length * answered.length)
  })
  const answers = [...new Set(answered.map(({ answer }) => answer))]
  const near = nearDuplicatesOf(answers, { ...nearDefaults, ...given }, (done) => {
    onProgress?.('comparing answers', done, answers.length)
  })
  const index = { answers, near }
  const random = Array.from({ length: draws }, (_, seed) => {
    const split = randomSplit(answered, heldOut, seed)
    onProgress?.('drawing splits', seed + 1, draws)
    return leaksOf(split.train, split.heldOut, index)
  })
  const { examples, ...byDisease } = leaksOf(train, [...validation, ...test], index)
  const over = (pick: (of: number[]) => number): Drawn => {
    const of = (name: keyof Drawn) => pick(random.map((leaks) => leaks[name]))
    return { focus: of('focus'), question: of('question'), answer: of('answer'), near: of('near') }
  }
  const { neighbours: _, ...found } = near
  return {
    makeUp: makeUpOf(all),
    paper: paperStepsOf(all),
    repeats: repeatsOf(all),
    templates: templatesOf(all),
    boilerplate: boilerplateOf(all),
    years: yearsOf(all),
    lengths,
    diseases: diseasesIn(pairs),
    near: found,
    split: {
      rows: pairs.length,
      byDisease,
      examples: someOf(examples, 4),
      random: {
        ...{ draws, share: heldOut, rows: answered.length, heldOut: random[0]?.heldOut ?? 0 },
        mean: over((of) => of.reduce((sum, one) => sum + one, 0) / of.length),
        least: over((of) => Math.min(...of)),
        most: over((of) => Math.max(...of)),
      },
    },
  }
}
