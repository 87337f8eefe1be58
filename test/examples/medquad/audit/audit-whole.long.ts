import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { boilerplateOf } from '../../../../examples/medquad/audit/counts/boilerplate.ts'
import { lengthsOf } from '../../../../examples/medquad/audit/counts/lengths.ts'
import { makeUpOf, paperStepsOf, type Share } from '../../../../examples/medquad/audit/counts/make-up.ts'
import { repeatsOf } from '../../../../examples/medquad/audit/counts/repeats.ts'
import { templatesOf } from '../../../../examples/medquad/audit/counts/templates.ts'
import { yearsOf } from '../../../../examples/medquad/audit/counts/years.ts'
import { readMedquad } from '../../../../examples/medquad/data/read-medquad.ts'
import known from '../../../fixtures/medquad/audit-counts.json'
import { medquad } from '../medquad-files.ts'

const by = (shares: readonly Share[], what: 'pairs' | 'answered') =>
  Object.fromEntries(shares.flatMap((share) => (share[what] === 0 ? [] : [[share.name || 'none', share[what]]])))

if (existsSync(medquad)) {
  it('audits all of MedQuAD as a script counts that shares no code with it', async () => {
    const { pairs } = await readMedquad(medquad)
    const makeUp = makeUpOf(pairs)
    expect(makeUp).toMatchObject({ pairs: known.pairs, answered: known.answered })
    expect(by(makeUp.collections, 'pairs')).toEqual(known.pairsByCollection)
    expect(by(makeUp.collections, 'answered')).toEqual(known.answeredByCollection)
    expect(by(makeUp.questionTypes, 'pairs')).toEqual(known.pairsByType)
    expect(by(makeUp.questionTypes, 'answered')).toEqual(known.answeredByType)
    expect(by(makeUp.semanticGroups, 'pairs')).toEqual(known.pairsByGroup)
    expect(by(makeUp.semanticGroups, 'answered')).toEqual(known.answeredByGroup)
    expect(by(makeUp.hosts, 'pairs')).toEqual(known.pairsByHost)
    expect(makeUp.without).toMatchObject({ cui: known.answered - known.withCui, focus: known.withoutFocus })

    const paper = paperStepsOf(pairs)
    expect(paper).toMatchObject({ answered: known.answered, paper: known.answered - known.docPairs })
    const missing = Object.fromEntries((paper?.withdrawn ?? []).map((share) => [share.name, share.pairs]))
    expect({ ...missing, ...paper?.empty }).toEqual(known.emptyByCollection)

    const { questions, foldedQuestions, answers, foldedAnswers, pairs: rows, ...ids } = repeatsOf(pairs)
    expect({ questions, foldedQuestions, answers, foldedAnswers, rows }).toEqual({
      ...{ questions: known.questions, foldedQuestions: known.foldedQuestions, rows: known.rows },
      ...{ answers: known.answers, foldedAnswers: known.foldedAnswers },
    })
    expect(ids).toMatchObject({ distinctQids: known.qids, qidClashes: known.qidClashes })

    const { templates, rows: made } = templatesOf(pairs)
    expect([Object.keys(templates).length, made]).toEqual([known.templates, known.templateRows])
    const { characters, shared } = boilerplateOf(pairs)
    expect(characters).toBe(known.characters)
    const inShared = Object.fromEntries(shared.map((row) => [row.answers, row.characters]))
    expect(inShared).toEqual(known.charactersInSharedSentences)
    expect(yearsOf(pairs)).toMatchObject({ naming: known.answersWithYear, latest: known.latestYears })
    const lengths = lengthsOf(pairs, [])
    expect(lengths.words.sum).toBe(known.words)
    expect(lengths.characters).toMatchObject({ sum: known.characters, median: known.medianCharacters })
  }, 300_000)
} else {
  it('is told that the audit was not compared on all of MedQuAD', () => {
    console.warn(`NOT RUN: the audit of all of MedQuAD, for there is nothing at ${medquad}; set MEDQUAD to it`)
    expect(existsSync(medquad)).toBe(false)
  })
}
