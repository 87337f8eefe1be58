import type { Interval } from 'peft-medaware'
import type { FeedbackStore } from './store/feedback-store.ts'
import type { Version } from './store/version-table.ts'

/** All versions, a line each. */
export function describeVersions({ versions }: FeedbackStore): string {
  const { active } = versions
  return versions
    .all()
    .map(({ id, parent, status, at }) => {
      const from = parent === null ? '' : ` from ${parent}`
      return `${id === active.id ? '*' : ' '} ${id}${from}\t${status}\t${at}`
    })
    .join('\n')
}

/** What a round learnt, and what the gate saw. */
export function describeRound(store: FeedbackStore, id: number): string {
  const version = store.versions.version(id)
  const corrections = store.versions.learntCorrections(id)
  const preferences = store.versions.learntPreferences(id)
  const learnt = (some: readonly { readonly isLearnt: boolean }[]) => {
    return `${some.filter(({ isLearnt }) => isLearnt).length} of ${some.length}`
  }
  return [
    `version ${id}, ${version.status}, ${version.at}`,
    ...(corrections.length > 0 ? [`  corrections learnt: ${learnt(corrections)}`] : []),
    ...corrections.flatMap(
      ({ question, wanted, lossBefore, lossAfter, answerBefore, answerAfter, isLearnt, overlap }) => [
        `  - ${isLearnt ? 'learnt' : 'not learnt'}: ${question}`,
        `      wanted:  ${oneLine(wanted)}`,
        `      loss ${lossBefore.toFixed(3)} to ${lossAfter.toFixed(3)} nats a token; ROUGE-L ${overlap.toFixed(2)}`,
        `      before:  ${oneLine(answerBefore)}`,
        `      after:   ${oneLine(answerAfter)}`,
      ],
    ),
    ...(preferences.length > 0 ? [`  preferences learnt: ${learnt(preferences)}`] : []),
    ...preferences.map(({ preference, marginBefore, marginAfter }) => {
      return `  - preference ${preference}: margin ${marginBefore.toFixed(2)} to ${marginAfter.toFixed(2)} nats`
    }),
    ...gateLines(version),
  ].join('\n')
}

/** All that happened, the oldest first. */
export function describeLog(store: FeedbackStore): string {
  const { versions } = store
  const rounds = versions.all().map(({ id, at, status }) => {
    return { at, text: status === 'start' ? `version ${id}, what all began with, ${at}` : describeRound(store, id) }
  })
  const activations = versions.activations().map(({ version, why, at }) => {
    return { at, text: `version ${version} answers from ${at}: ${why}` }
  })
  return [...rounds, ...activations]
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .map(({ text }) => text)
    .join('\n')
}

function gateLines({ gate, status }: Version): string[] {
  if (gate === null) return []
  const sets = gate.sets.map(({ name, against, questions, diseases, before, after, change, isWorse }) => {
    const what = `${name}, ${questions} questions about ${diseases} diseases, against version ${against}`
    return `  ${what}: ${before.toFixed(4)} to ${after.toFixed(4)}, ${range(change)}${isWorse ? ', WORSE' : ''}`
  })
  return [...sets, `  rule: ${gate.rule} It is ${status}.`]
}

function range({ value, low, high }: Interval): string {
  const signed = (figure: number | null) => (figure === null ? '?' : `${figure < 0 ? '' : '+'}${figure.toFixed(4)}`)
  return `${signed(value)} (${signed(low)} to ${signed(high)})`
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 300)
