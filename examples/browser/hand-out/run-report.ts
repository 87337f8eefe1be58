import { type Sample, trainingReport, version } from 'peft-medaware'
import type { RunRecord, SampleAnswer } from '../run/training.ts'
import type { RunData } from '../pairs.ts'

/** What a report says beside the run itself. */
export interface ReportParts {
  /** What the person calls the run. */
  readonly title: string
  /** The browser, in its own words. */
  readonly browser: string
  /** The questions and answers, where the person wants them in it; null for none. */
  readonly data: RunData | null
}

/** A run as one HTML file, which opens without a script and without a network. */
export async function runReport(record: RunRecord, { title, browser, data }: ReportParts): Promise<string> {
  const { model, machine, settings, data: counts, begun, peakBytes, step, steps, training, evaluation } = record
  return trainingReport({
    history: { training, evaluation },
    ...{ step, steps },
    samples: record.questions.map((question) => sampleOf(question, record.samples)),
    note: 'What the model writes is a demonstration, and no medical advice.',
    description: {
      model: { nameOrPath: model.name, parameters: model.parameters, stored: 'NF4 with double quantisation', title },
      settings: { ...settings, trainableWeights: begun.trainable },
      data: { ...counts, digest: `SHA-256 ${counts.digest}` },
      machine: {
        ...{ engine: machine, browser },
        ...{ plannedBytes: begun.planned, peakBytes },
      },
      versions: { 'peft-medaware': version },
      ...(data && { 'training data': pairsOf(data.train), 'held-out data': pairsOf(data.heldOut) }),
    },
  })
}

function sampleOf(prompt: string, answers: readonly SampleAnswer[]): Sample {
  const own = answers.filter(({ question }) => question === prompt)
  const later = own.filter(({ step }) => step > 0)
  return {
    prompt,
    before: own.find(({ step }) => step === 0)?.answer ?? null,
    between: later.slice(0, -1).map(({ step, answer }) => ({ step, text: answer })),
    after: later.at(-1)?.answer ?? null,
    reference: null,
  }
}

function pairsOf(pairs: RunData['train']): Record<string, string> {
  return Object.fromEntries(pairs.map(({ question, answer }, i) => [String(i + 1), `${question} → ${answer}`]))
}
