import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanMedquad, selectPaper } from '../../../examples/medquad/data/clean-medquad.ts'
import { countMedquad } from '../../../examples/medquad/data/count-medquad.ts'
import { digestMedquad, medquadDigest } from '../../../examples/medquad/data/digest-medquad.ts'
import { loadMedquad } from '../../../examples/medquad/data/load-medquad.ts'
import { readMedquad } from '../../../examples/medquad/data/read-medquad.ts'
import { medquad, medquadFolder as folder } from './medquad-files.ts'
import { sharedKeys } from './shared-keys.ts'

/** The file of counts taken with two other parsers, where it lies beside the data; else the counts of the paper. */
const countsFile = join(folder, 'expected-counts.json')

if (existsSync(medquad)) {
  describe('all of MedQuAD', () => {
    it('is the MedQuAD that is downloaded', async () => {
      expect(await digestMedquad(medquad)).toEqual(medquadDigest)
    }, 120_000)

    it('counts as two other parsers counted', async () => {
      const data = await readMedquad(medquad)
      const counts = countMedquad(data)
      expect(new Set(data.pairs.map((pair) => pair.id)).size).toBe(47457)
      expect(counts).toMatchObject({ files: 11274, pairs: 47457, answered: 16423, answeredWithCui: 15842 })
      expect(counts).toMatchObject({ distinctCuis: 4237, duplicates: 48, distinctAnswers: 15827 })
      expect(selectPaper(data.pairs).length).toBe(16407)
      expect(cleanMedquad(data.pairs).length).toBe(16423 - 48)
      if (!statSync(folder).isDirectory() || !existsSync(countsFile)) return
      const known = JSON.parse(readFileSync(countsFile, 'utf8')) as Record<string, unknown>
      expect(counts.roots).toEqual(known['roots'])
      expect(counts.answeredByCollection).toEqual(known['answered_by_collection'])
      expect(counts.pairsByCollection).toMatchObject(known['pairs_by_unanswered_collection'] as object)
      expect(counts.answeredByQuestionType).toEqual(known['answered_by_question_type'])
      expect(counts.answeredBySemanticType).toEqual(known['answered_by_umls_semantic_type'])
    }, 120_000)

    it.each([false, true])(
      'is split by disease (paper: %s)',
      async (paper) => {
        const { pairs, train, validation, test } = await loadMedquad({ data: medquad, cacheDir: folder, paper })
        expect(pairs.length).toBe(paper ? 16407 : 16375)
        expect(train.length + validation.length + test.length).toBe(pairs.length)
        for (const [a, b] of [
          [train, validation],
          [train, test],
          [validation, test],
        ] as const)
          expect(sharedKeys(a, b)).toEqual([])
        for (const part of [validation, test]) {
          expect(part.length / pairs.length).toBeGreaterThan(0.03)
          expect(part.length / pairs.length).toBeLessThan(0.07)
        }
      },
      120_000,
    )
  })
} else {
  it('is told that all of MedQuAD was not tested', () => {
    console.warn(
      `NOT RUN: the tests on all of MedQuAD, for there is nothing at ${medquad}; set MEDQUAD to its folder or archive`,
    )
    expect(existsSync(medquad)).toBe(false)
  })
}
