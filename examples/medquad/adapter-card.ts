import { type CardContent, type CardData, type CardResult, cardResults, rouge, type Sample } from 'peft-medaware'
import type { LoadedMedquad } from './data/load-medquad.ts'
import { diseasesOf, type describeHeldOut } from './held-out.ts'
import type { MedquadPair } from './data/medquad-pair.ts'

const base = 'base without adapter'

/** What the card of an adapter that the recipe makes says before anything has been measured. */
export function aboutAdapter(data: LoadedMedquad): CardContent {
  return {
    medical: true,
    intendedUse: [
      'To show and to study how a 4-bit model is fine-tuned with QLoRA on medical questions and answers.',
      'To compare adapters, bases and amounts of data on held-out diseases.',
    ],
    limitations: [
      'The answers of its data are of one time and of agencies of the United States; medicine changes, and differs.',
      'Loss and word overlap do not say whether an answer is right: no clinician has judged what it writes.',
    ],
    trainingData: dataOf(data),
    language: ['en'],
  }
}

function dataOf({ origin, counts, train, validation, test }: LoadedMedquad): CardData {
  const sizes = {
    counts: {
      'pairs of question and answer': counts.pairs,
      'of them answered': counts.answered,
      ...{ 'for training': train.length, 'for validation': validation.length, 'held out for the test': test.length },
    },
    split: 'by disease: pairs that share a disease or a question are in one part, so none is tested that was learned',
  }
  if (origin === 'given') return { name: 'a copy of MedQuAD as was given to the recipe', ...sizes }
  if (origin === 'sample') {
    return { name: "the recipe's own sample, written for it in the form of MedQuAD", license: 'CC0 1.0', ...sizes }
  }
  return {
    ...{ name: 'MedQuAD', url: 'https://github.com/abachaa/MedQuAD', license: 'CC BY 4.0' },
    attribution:
      'Asma Ben Abacha and Dina Demner-Fushman, "A Question-Entailment Approach to Question Answering", ' +
      'BMC Bioinformatics 20:511 (2019)',
    ...sizes,
  }
}

/** What a run measured on held-out diseases. */
export interface MeasuredRun {
  readonly data: LoadedMedquad
  /** What the run says of itself. */
  readonly trained: CardContent
  readonly heldOut: ReturnType<typeof describeHeldOut>
  readonly samples: readonly Sample[]
  /** The questions of the samples. */
  readonly asked: readonly MedquadPair[]
  readonly seed: number
}

/** What the card says at the end: held-out figures with intervals, beside the base and a constant answer. */
export function measuredCard({ data, trained, heldOut, samples, asked, seed }: MeasuredRun): CardContent {
  const on = { dataset: 'MedQuAD', split: 'held-out diseases' }
  const losses = heldOut === null ? [] : [{ report: heldOut.after, baselines: { [base]: heldOut.before }, ...on }]
  return {
    ...trained,
    intervals: '95 % by the bootstrap over whole diseases, 10,000 draws',
    results: [
      ...cardResults({ losses }).map((result) => ({ ...result, ...changeOf(result, heldOut) })),
      ...overlapOf(data, samples, asked, seed).map((result) => ({ ...result, ...on })),
      ...(trained.results ?? []).map((result) => ({ ...result, split: 'validation, by which the adapter was chosen' })),
    ],
  }
}

function changeOf({ metric }: CardResult, heldOut: MeasuredRun['heldOut']): Pick<CardResult, 'note'> {
  const change = metric === 'bits per byte' ? heldOut?.change.bitsPerByte : heldOut?.change.loss
  if (!change) return {}
  const shown = [change.value, change.low ?? NaN, change.high ?? NaN].map((number) => number.toFixed(4))
  return {
    note: `with the adapter less without, paired: ${shown[0]} (${shown[1]} to ${shown[2]}); below 0 is better. A constant answer has no loss`,
  }
}

/** ROUGE-L of the answers to a few questions, which any model can be asked for. */
function overlapOf(
  { train }: LoadedMedquad,
  samples: readonly Sample[],
  asked: readonly MedquadPair[],
  seed: number,
): CardResult[] {
  const references = asked.map(({ answer }) => answer)
  const [before, after] = [samples.map((each) => each.before ?? ''), samples.map((each) => each.after ?? '')]
  const constant = commonestOf(train.map(({ answer }) => answer))
  const measure = (answers: readonly string[]) => {
    return rouge(answers, references, { rougeTypes: ['rougeL'], groups: diseasesOf(asked), seed })
  }
  const baselines = { [base]: measure(before), 'constant answer': measure(asked.map(() => constant)) }
  const note = 'the constant answer is the commonest of the training pairs'
  return cardResults({ rouge: [{ report: measure(after), baselines, note }] })
}

function commonestOf(answers: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  const [[commonest] = ['']] = [...counts].sort(([, a], [, b]) => b - a)
  return commonest
}
