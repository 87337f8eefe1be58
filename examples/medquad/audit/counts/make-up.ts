import { isAnswered, isUnseenByPaper } from '../../data/clean-medquad.ts'
import { type Tally, tally } from '../../data/count-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'

/** Pairs in all and with an answer, by something that they have. */
export interface Share {
  readonly name: string
  readonly pairs: number
  readonly answered: number
}

/** What is in the data. Names are '' for pairs that do not say. */
export interface MakeUp {
  readonly pairs: number
  readonly answered: number
  readonly collections: readonly Share[]
  readonly questionTypes: readonly Share[]
  readonly semanticGroups: readonly Share[]
  /** Of answered pairs, which may have several. */
  readonly semanticTypes: Tally
  /** By the host of the page that an answer was taken from. */
  readonly hosts: readonly Share[]
  /** Answered pairs that lack something. */
  readonly without: {
    readonly cui: number
    readonly semanticType: number
    readonly focus: number
    readonly url: number
  }
  readonly distinctCuis: number
  readonly distinctFoci: number
}

/** Counts what the pairs, answered and not, say of themselves. */
export function makeUpOf(pairs: readonly MedquadPair[]): MakeUp {
  const answered = pairs.filter(isAnswered)
  const lacking = (isThere: (pair: MedquadPair) => boolean) => answered.filter((pair) => !isThere(pair)).length
  return {
    pairs: pairs.length,
    answered: answered.length,
    collections: sharesBy(pairs, ({ collection }) => collection).sort(byNumberInFront),
    questionTypes: sharesBy(pairs, ({ qtype }) => qtype),
    semanticGroups: sharesBy(pairs, ({ semanticGroups: [first = ''] }) => first),
    semanticTypes: tally(answered.flatMap(({ semanticTypes }) => [...new Set(semanticTypes)])),
    hosts: sharesBy(pairs, ({ url }) => hostOf(url)),
    without: {
      cui: lacking(({ cui }) => cui.length > 0),
      semanticType: lacking(({ semanticTypes }) => semanticTypes.length > 0),
      focus: lacking(({ focus }) => focus.trim() !== ''),
      url: lacking(({ url }) => url.trim() !== ''),
    },
    distinctCuis: new Set(answered.flatMap(({ cui }) => cui)).size,
    distinctFoci: new Set(answered.map(({ focus }) => focus.trim()).filter((focus) => focus !== '')).size,
  }
}

/** How the paper's 16,407 pairs come from all that MedQuAD has. */
export interface PaperSteps {
  readonly pairs: number
  /** Collections whose answers were all withdrawn, with their pairs. */
  readonly withdrawn: readonly Share[]
  /** Pairs without an answer in other collections, by collection. */
  readonly empty: Tally
  readonly answered: number
  /** Answered pairs in files of a schema that the paper's parser did not see, by file. */
  readonly unseen: Tally
  readonly paper: number
}

/** Null for data that is not MedQuAD's: none of the files that the paper left out is in it. */
export function paperStepsOf(pairs: readonly MedquadPair[]): PaperSteps | null {
  const answered = pairs.filter(isAnswered)
  const unseen = answered.filter(isUnseenByPaper)
  if (unseen.length === 0) return null
  const withdrawn = sharesBy(pairs, ({ collection }) => collection).filter((share) => share.answered === 0)
  const gone = new Set(withdrawn.map(({ name }) => name))
  return {
    pairs: pairs.length,
    withdrawn: withdrawn.sort(byNumberInFront),
    empty: tally(
      pairs.filter((pair) => !isAnswered(pair) && !gone.has(pair.collection)).map((pair) => pair.collection),
    ),
    answered: answered.length,
    unseen: tally(unseen.map(({ id }) => id.replace(/#.*$/, ''))),
    paper: answered.length - unseen.length,
  }
}

function sharesBy(pairs: readonly MedquadPair[], nameOf: (pair: MedquadPair) => string): Share[] {
  const answered = tally(pairs.filter(isAnswered).map(nameOf))
  return Object.entries(tally(pairs.map(nameOf)))
    .map(([name, count]) => ({ name, pairs: count, answered: answered[name] ?? 0 }))
    .sort((a, b) => b.answered - a.answered || b.pairs - a.pairs)
}

const byNumberInFront = (a: Share, b: Share): number => a.name.localeCompare(b.name, 'en', { numeric: true })

const hostOf = (url: string): string => /^https?:\/\/([^/]+)/.exec(url)?.[1] ?? ''
