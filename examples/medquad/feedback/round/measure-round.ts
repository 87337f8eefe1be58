import {
  completeText,
  evaluateLoss,
  type ExampleLoss,
  type PretrainedLm,
  type ProgressLine,
  rouge,
  type TextTokenizer,
} from 'peft-medaware'
import type { Dialogue } from '../../dialogue.ts'
import { diseasesOf, type HeldOut } from '../../held-out.ts'
import type { Correction, Preference } from '../store/feedback-store.ts'
import type { LearntCorrection, LearntPreference } from '../store/version-table.ts'
import type { GateLosses, GateLoss } from './gate.ts'

/** What a round measures before it trains and after. */
export interface Measured {
  readonly losses: GateLosses
  /** Loss (nats a token) and greedy answer of each correction. */
  readonly corrections: readonly { readonly loss: number; readonly answer: string }[]
  /** Nats by which each chosen answer is likelier than the rejected one. */
  readonly margins: readonly number[]
}

/** What the gate's losses are measured with. */
export interface GateMeasuring {
  readonly model: PretrainedLm
  readonly line: ProgressLine
  readonly signal: AbortSignal
}

/** What a round is measured with. */
export interface Measuring extends GateMeasuring {
  readonly tokenizer: TextTokenizer
  readonly dialogue: Dialogue
  readonly maxLength: number
}

/** What the gate asks. */
export interface GateQuestions {
  readonly heldOut: readonly HeldOut[]
  readonly guard: readonly HeldOut[]
}

/** Share of an answer's wording (ROUGE-L) that makes a correction learnt. */
export const learntOverlap = 0.7

/** Measures what the gate compares. */
export async function measureGate(measuring: GateMeasuring, { heldOut, guard }: GateQuestions): Promise<GateLosses> {
  return { heldOut: await gateLosses(measuring, heldOut), guard: await gateLosses(measuring, guard) }
}

/** Measures all that the gate and the log of changes need of a model as it is now. */
export async function measureRound(
  measuring: Measuring,
  sets: GateQuestions,
  corrections: readonly Correction[],
  preferences: readonly Preference[],
): Promise<Measured> {
  const { model, tokenizer, dialogue, line, signal } = measuring
  const losses = await measureGate(measuring, sets)
  const each: { loss: number; answer: string }[] = []
  for (const [i, { question, answer: wanted }] of corrections.entries()) {
    signal.throwIfAborted()
    const prompt = await dialogue.promptOf(question)
    const most = tokenizer.encode(wanted).length + 16
    const answer = await completeText(model, tokenizer, prompt, { doSample: false, maxNewTokens: most, signal })
    const [loss] = await lossesOf(measuring, [{ question, answer: wanted }])
    each.push({ loss: loss === undefined ? NaN : loss.nats / loss.tokens, answer: answer.trim() })
    line.status('corrections', () => `asking what was corrected, ${i + 1} of ${corrections.length}`)
  }
  const margins: number[] = []
  for (const { question, chosen, rejected } of preferences) {
    signal.throwIfAborted()
    const [better, worse] = await lossesOf(measuring, [
      { question, answer: chosen },
      { question, answer: rejected },
    ])
    margins.push((worse?.nats ?? NaN) - (better?.nats ?? NaN))
  }
  return { losses, corrections: each, margins }
}

/** What became of corrections: learnt where the loss fell and the greedy answer now has the wording asked for. */
export function learntCorrections(
  corrections: readonly Correction[],
  before: Measured,
  after: Measured,
): LearntCorrection[] {
  return corrections.flatMap(({ id, answer }, i) => {
    const [was, is] = [before.corrections[i], after.corrections[i]]
    if (was === undefined || is === undefined) return []
    const overlap = rouge([is.answer], [answer], { resamples: 1 }).figures.rougeL.fmeasure.value
    return [
      {
        ...{ correction: id, lossBefore: was.loss, lossAfter: is.loss },
        ...{ answerBefore: was.answer, answerAfter: is.answer, overlap },
        isLearnt: is.loss < was.loss && overlap >= learntOverlap,
      },
    ]
  })
}

/** What became of preferences: learnt where the chosen answer gained on the rejected one. */
export function learntPreferences(
  preferences: readonly Preference[],
  before: Measured,
  after: Measured,
): LearntPreference[] {
  return preferences.map(({ id }, i) => {
    const [marginBefore = NaN, marginAfter = NaN] = [before.margins[i], after.margins[i]]
    return { preference: id, marginBefore, marginAfter, isLearnt: marginAfter > marginBefore }
  })
}

async function gateLosses({ model, line, signal }: GateMeasuring, set: readonly HeldOut[]): Promise<GateLoss[]> {
  if (set.length === 0) return []
  const diseases = diseasesOf(set.map(({ pair }) => pair))
  const { examples } = await evaluateLoss(
    model,
    set.map(({ example }) => example),
    { onProgress: line.measuring, signal },
  )
  return set.map(({ pair }, i) => ({
    ...{ id: pair.id, disease: diseases[i] ?? '' },
    ...(examples?.[i] ?? { nats: NaN, tokens: 0, bytes: null }),
  }))
}

async function lossesOf(
  { model, dialogue, maxLength }: Measuring,
  pairs: readonly { readonly question: string; readonly answer: string }[],
): Promise<readonly ExampleLoss[]> {
  const { examples } = await evaluateLoss(model, await dialogue.examplesOf(pairs, maxLength))
  return examples ?? []
}
