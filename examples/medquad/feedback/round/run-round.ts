import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  attachAdapter,
  openAdapter,
  type ProgressLine,
  Random,
  saveAdapter,
  trainDpo,
  type TrainerCallback,
  writeFolder,
} from 'peft-medaware'
import type { LoadedMedquad } from '../../data/load-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { fold } from '../../data/split-medquad.ts'
import { dialogueOf } from '../../dialogue.ts'
import { heldOutOf } from '../../held-out.ts'
import type { OpenedModel } from '../open-base.ts'
import type { Correction, FeedbackStore, Preference } from '../store/feedback-store.ts'
import type { RoundOutcome } from '../store/version-table.ts'
import { composeRound, type Pair } from './compose-round.ts'
import { gate, type GateLosses, meanLoss } from './gate.ts'
import { learntCorrections, learntPreferences, type Measured, measureRound } from './measure-round.ts'
import {
  adapterOf,
  keepAdapter,
  readLosses,
  readPlan,
  removeRound,
  roundFolder,
  type RoundPlan,
  type RoundSettings,
  versionFolder,
  writePlan,
} from './round-folder.ts'
import { stageSettings, trainPairs } from './train-pairs.ts'

/** What a round works on. */
export interface RoundPlace extends OpenedModel {
  readonly store: FeedbackStore
  readonly data: LoadedMedquad
  readonly line: ProgressLine
  readonly signal: AbortSignal
  readonly callbacks?: readonly TrainerCallback[]
  readonly say: (name: string, text: string) => void
}

/**
 * Makes a version of what was said since the active one: learns corrections, then preferences, each with replay, and
 * keeps it as active where the gate lets it through, else as rejected. A round that was ended goes on as it began.
 * @returns Null where there is nothing to learn. @throws MedAwareError as training; the signal's reason.
 */
export async function runRound(place: RoundPlace, asked: RoundSettings): Promise<RoundOutcome | null> {
  const { store, say } = place
  const plan = await planRound(place, asked)
  if (plan === null) return null
  const { settings } = plan
  const [corrections, preferences] = chosenOf(store, plan)
  const sets = await questionsOf(place, settings, [...corrections, ...preferences])
  const work = roundFolder(store.folder)
  const measuring = { ...place, dialogue: dialogueOf(place.tokenizer), maxLength: settings.maxLength }
  const measure = () => measureRound(measuring, sets, corrections, preferences)

  // What learns begins where the active version is, in a file, so that a round which goes on begins there again.
  const begin = join(work, 'begin')
  const before = await prepared(place, plan, begin, measure)
  const taught = corrections.length === 0 ? begin : join(work, 'sft')
  if (taught !== begin) await learnCorrections(place, plan, corrections, sets.training, { from: begin, to: taught })
  const last = preferences.length === 0 ? taught : join(work, 'dpo')
  if (last !== taught) await learnPreferences(place, plan, preferences, { from: taught, to: last })

  const adapter = await openAdapter(place.model, last, { device: place.device })
  const after = await measure().finally(() => {
    adapter.detach()
  })
  const outcome: RoundOutcome = {
    ...{ id: plan.version, parent: plan.parent, settings },
    gate: gate(await earlierLosses(place, plan.parent, before.losses), after.losses),
    corrections: learntCorrections(corrections, before, after),
    preferences: learntPreferences(preferences, before, after),
  }
  // The files first, then the row that says what they are: whatever ends the program, a version is whole or none.
  await keepAdapter(last, versionFolder(store.folder, plan.version), { 'losses.json': JSON.stringify(after.losses) })
  store.versions.add(outcome)
  await removeRound(store.folder)
  say('round', `version ${plan.version} is ${outcome.gate.isKept ? 'kept, and answers from now on' : 'rejected'}`)
  return outcome
}

/** The plan of the round that is under way, where it still holds, or a new one. */
async function planRound({ store, say }: RoundPlace, settings: RoundSettings): Promise<RoundPlan | null> {
  const { active } = store.versions
  const there = await readPlan(store.folder)
  if (there !== null) {
    const [corrections, preferences] = chosenOf(store, there)
    const isWhole = corrections.length === there.corrections.length && preferences.length === there.preferences.length
    const isTaken = store.versions.all().some(({ id }) => id === there.version)
    if (!isTaken && there.parent === active.id && isWhole) {
      say('resumed', `the round of version ${there.version}, with the options that it began with`)
      return there
    }
    await removeRound(store.folder)
    if (!isTaken) say('round', 'what was begun is of other feedback or another version; a new round begins')
  }
  const ids = (some: readonly { readonly id: number }[]) => some.map(({ id }) => id)
  const [corrections, preferences] = [ids(store.corrections(false)), ids(store.preferences(false))]
  if (corrections.length + preferences.length === 0) return null
  const version = Math.max(...ids(store.versions.all())) + 1
  const plan: RoundPlan = { version, parent: active.id, corrections, preferences, settings }
  await writePlan(store.folder, plan)
  return plan
}

function chosenOf(store: FeedbackStore, plan: RoundPlan): readonly [Correction[], Preference[]] {
  return [
    store.corrections(false).filter(({ id }) => plan.corrections.includes(id)),
    store.preferences(false).filter(({ id }) => plan.preferences.includes(id)),
  ]
}

/** Held-out questions, those on guard, and what may be replayed: no question of the feedback is in one of the first. */
async function questionsOf(
  { store, data, tokenizer }: RoundPlace,
  { heldOut, guard, maxLength, seed }: RoundSettings,
  feedback: readonly { readonly question: string }[],
) {
  const dialogue = dialogueOf(tokenizer)
  const some = (from: readonly MedquadPair[], number: number) => {
    return heldOutOf(dialogue, new Random(seed).shuffle([...from]), number, maxLength)
  }
  const chosen = await some(data.validation, guard)
  const guarded = store.versions.guard(() => chosen.map(({ pair }) => pair.id))
  const said = new Set(feedback.map(({ question }) => fold(question)))
  const isApart = ({ question }: MedquadPair) => !said.has(fold(question))
  return {
    heldOut: await some(data.test.filter(isApart), heldOut),
    guard: await some(
      data.pairs.filter((pair) => guarded.has(pair.id) && isApart(pair)),
      guarded.size,
    ),
    training: data.train.filter((pair) => !guarded.has(pair.id) && isApart(pair)),
  }
}

/** Writes the adapter to begin with, and what the active version comes to; both once. */
async function prepared(
  { store, model, device, line }: RoundPlace,
  { parent, settings }: RoundPlan,
  begin: string,
  measure: () => Promise<Measured>,
): Promise<Measured> {
  const path = join(begin, 'before.json')
  if (existsSync(path)) return JSON.parse(await readFile(path, 'utf8')) as Measured
  line.status('before', () => 'measuring the active version')
  const there = adapterOf(store.folder, { id: parent })
  const adapter =
    there === null
      ? attachAdapter(
          model,
          { peftType: 'LORA', r: 16, loraAlpha: 32, loraDropout: 0.05 },
          { device, seed: settings.seed },
        )
      : await openAdapter(model, there, { device })
  try {
    if (there === null) await saveAdapter(adapter, begin)
    else await keepAdapter(there, begin)
    const before = await measure()
    await writeFolder(begin, new Map([['before.json', JSON.stringify(before)]]))
    return before
  } finally {
    adapter.detach()
  }
}

interface Stage {
  readonly from: string
  readonly to: string
}

async function learnCorrections(
  place: RoundPlace,
  { settings }: RoundPlan,
  corrections: readonly Correction[],
  general: readonly MedquadPair[],
  { from, to }: Stage,
): Promise<void> {
  const { store, model, device, tokenizer, line, signal, say, callbacks = [] } = place
  const sources = { corrections, earlier: store.corrections(true), general }
  const pairs = composeRound<Pair>(sources, settings.mix, settings.seed)
  const replayed = pairs.length - settings.mix.passes * corrections.length
  say('learns', `${corrections.length} corrections ${settings.mix.passes} times, and ${replayed} replayed pairs`)
  const adapter = await openAdapter(model, from, { device, trainable: true })
  try {
    await trainPairs(model, await dialogueOf(tokenizer).examplesOf(pairs, settings.maxLength), {
      ...{ folder: to, learningRate: settings.learningRate, batchSize: settings.batchSize, seed: settings.seed },
      ...{ signal, callbacks: [line.training, ...callbacks], onWarning: (text) => say('WARNING', text) },
    })
  } finally {
    adapter.detach()
  }
}

/** By DPO against the version that learnt the corrections, frozen beside what learns. */
async function learnPreferences(
  place: RoundPlace,
  { settings }: RoundPlan,
  preferences: readonly Preference[],
  { from, to }: Stage,
): Promise<void> {
  const { store, model, device, tokenizer, line, signal, say, callbacks = [] } = place
  const { preferenceOf } = dialogueOf(tokenizer)
  const mix = { passes: settings.dpoPasses, general: 0, earlier: settings.mix.earlier }
  const sources = { corrections: preferences, earlier: store.preferences(true), general: [] }
  const rows = composeRound(sources, mix, settings.seed).map(preferenceOf)
  say('learns', `${preferences.length} preferences, in ${rows.length} comparisons`)
  const adapter = await openAdapter(model, from, { device, trainable: true })
  const reference = await openAdapter(model, from, { device, name: 'ref' })
  try {
    const stage = {
      ...{ folder: to, learningRate: settings.dpoLearningRate, batchSize: settings.batchSize, seed: settings.seed },
      ...{ signal, callbacks: [line.training, ...callbacks], onWarning: (text: string) => say('WARNING', text) },
    }
    const { beta, maxLength } = settings
    await trainDpo(model, rows, { ...stageSettings(stage), tokenizer, beta, maxLength })
  } finally {
    reference.detach()
    adapter.detach()
  }
}

/** Losses of the active version, and of the best one that it came from, where that is another. */
async function earlierLosses(
  { store }: RoundPlace,
  active: number,
  losses: GateLosses,
): Promise<ReadonlyMap<number, GateLosses>> {
  const earlier = new Map([[active, losses]])
  let best = { id: active, losses }
  for (const { id } of store.versions.lineageOf(active).slice(1)) {
    const known = await readLosses(store.folder, id)
    if (known !== null && meanLoss(known.heldOut) < meanLoss(best.losses.heldOut)) best = { id, losses: known }
  }
  return earlier.set(best.id, best.losses)
}
