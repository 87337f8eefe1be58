import {
  attachAdapter,
  countParameters,
  type Device,
  loadModel,
  MedAwareError,
  type ProgressLine,
  Random,
} from 'peft-medaware'
import type { AdapterChoice } from '../adapter-choice.ts'
import type { LoadedMedquad } from '../data/load-medquad.ts'
import type { MedquadPair } from '../data/medquad-pair.ts'
import { dialogueOf } from '../dialogue.ts'
import { diseasesOf, type HeldOut, heldOutOf } from '../held-out.ts'
import { pickQuestions } from '../questions.ts'
import { digestOf } from '../records.ts'
import type { MeasuredQuestion } from './experiment-record.ts'
import type { ExperimentOptions } from './options.ts'
import type { Bench } from './run-arm.ts'

/** Examples that may be shown before a question. */
const mostShots = 8

/** Where and by whom experiments are run. */
export interface Surroundings {
  readonly device: Device
  readonly data: LoadedMedquad
  readonly line: ProgressLine
  readonly signal: AbortSignal
  readonly onWarning: (text: string) => void
}

/** A bench that measures on the test part, one that measures on the validation part, and what adapters are put on. */
export async function openBenches(options: ExperimentOptions, { data, ...around }: Surroundings) {
  const { base, 'max-length': maxLength } = options
  const { device, onWarning, line } = around
  const { model, tokenizer } = await loadModel(base.source, {
    ...{ device, quantize: { type: 'nf4', doubleQuant: true }, onProgress: line.load, onWarning },
  })
  if (tokenizer === null) throw new MedAwareError('not-found', `${base.source}: no tokenizer.json`)
  const dialogue = dialogueOf(tokenizer)
  // The same pairs for every seed of an arm: only starts and orders differ.
  const shuffled = (pairs: readonly MedquadPair[]) => new Random(0).shuffle([...pairs])
  const heldOut = await heldOutOf(dialogue, shuffled(data.test), options.measured, maxLength)
  const validation = await heldOutOf(dialogue, shuffled(data.validation), options.validation, maxLength)
  const pairs = shuffled(data.train).slice(0, options.pairs)
  const examples = await dialogue.examplesOf(pairs, maxLength)
  // Whole answers alone show how one ends.
  const tried = await dialogue.examplesOf(pairs.slice(0, 400), 4 * maxLength)
  const solved = tried.filter(({ inputIds }) => inputIds.length <= maxLength).slice(0, mostShots)
  const bench = (measured: readonly HeldOut[], asked: readonly MedquadPair[]): Bench => ({
    protocol: {
      ...{ version: 1, base: options.model, maxLength, batch: options.batch },
      ...{ trainedOn: digestOfPairs(pairs), measuredOn: digestOfPairs(measured.map(({ pair }) => pair)) },
      ...{ answers: asked.length, answerTokens: Math.min(base.answerTokens, maxLength) },
    },
    ...{ ...around, source: base.source, tokenizer, dialogue, examples, heldOut: measured, asked },
    solved,
  })
  const asked = options.answers === 0 ? [] : pickQuestions(data.test, options.answers)
  const countOf = (trained: AdapterChoice | 'all weights'): number => {
    if (trained === 'all weights') return countParameters(model).all
    const attached = attachAdapter(model, trained, { device, seed: 0 })
    const { trainable } = countParameters(model)
    attached.detach()
    return trainable
  }
  const isFused = model.config.modelType.startsWith('falcon')
  const attention = isFused ? ['query_key_value'] : ['q_proj', 'k_proj', 'v_proj']
  return {
    ...{ bench: bench(heldOut, asked), validationBench: bench(validation, []), questions: questionsOf(heldOut) },
    ...{ attention, countOf, close: () => model.dispose() },
  }
}

function digestOfPairs(pairs: readonly MedquadPair[]): string {
  return digestOf(pairs.map(({ id }) => id).join('\n'))
}

function questionsOf(heldOut: readonly HeldOut[]): readonly MeasuredQuestion[] {
  const diseases = diseasesOf(heldOut.map(({ pair }) => pair))
  return heldOut.map(({ pair: { id }, example }, i) => ({ id, disease: diseases[i] ?? '', bytes: example.bytes ?? 0 }))
}
