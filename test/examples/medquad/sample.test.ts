import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { countMedquad } from '../../../examples/medquad/data/count-medquad.ts'
import { sampleFolder } from '../../../examples/medquad/data/load-medquad.ts'
import type { MedquadPair } from '../../../examples/medquad/data/medquad-pair.ts'
import { readMedquad } from '../../../examples/medquad/data/read-medquad.ts'
import { fold, groupByDisease } from '../../../examples/medquad/data/split-medquad.ts'
import { medquad, wordsOf } from './medquad-files.ts'

const data = await readMedquad(sampleFolder)
const { pairs } = data

const idsWhere = (wrong: (pair: MedquadPair) => boolean): string[] => pairs.filter(wrong).map(({ id }) => id)

/** Texts that stand more than once, white space and case aside. */
function repeated(texts: readonly string[]): string[] {
  const folded = texts.map(fold)
  return folded.filter((text, at) => folded.indexOf(text) < at)
}

/** Each run of `length` words in a text. */
function runsOf(text: string, length: number): string[] {
  const words = wordsOf(text)
  return words.slice(length - 1).map((_, at) => words.slice(at, at + length).join(' '))
}

describe('the sample', () => {
  it('holds what its readme says, in all three schemas, every pair answered', async () => {
    const counts = countMedquad(data)
    const conditions = new Set(pairs.map(({ focus }) => focus)).size
    expect(counts).toMatchObject({ answered: pairs.length, answeredWithCui: pairs.length, duplicates: 0 })
    expect(counts.files).toBe(conditions)
    expect(Math.min(...Object.values(counts.roots))).toBeGreaterThan(20)
    expect(Object.keys(counts.roots).sort()).toEqual(['DiseaseFile', 'Document', 'doc'])
    expect(conditions).toBeGreaterThanOrEqual(80)
    expect(pairs.length).toBeGreaterThanOrEqual(400)
    expect(Object.keys(counts.answeredByQuestionType).length).toBeGreaterThanOrEqual(14)
    const readme = await readFile(join(sampleFolder, 'README.md'), 'utf8')
    expect(readme).toContain(`${conditions} conditions, ${pairs.length} questions and answers`)
  })

  it('asks by name, and says nothing twice', () => {
    expect(idsWhere(({ question, focus }) => focus === '' || !fold(question).includes(fold(focus)))).toEqual([])
    expect(idsWhere(({ qid, qtype }) => qid === '' || qtype === '')).toEqual([])
    expect(repeated(pairs.map(({ id }) => id))).toEqual([])
    expect(repeated(pairs.map(({ question }) => question))).toEqual([])
    expect(repeated(pairs.map(({ answer }) => answer))).toEqual([])
  })

  it('is split condition by condition, for no two share a concept', () => {
    const groups = [...groupByDisease(pairs).values()].map((rows) => new Set(rows.map(({ focus }) => focus)))
    expect(groups.filter((foci) => foci.size > 1).map((foci) => [...foci])).toEqual([])
  })

  it('answers in 40 to 110 words of plain ASCII', () => {
    expect(idsWhere(({ answer }) => wordsOf(answer).length < 40 || wordsOf(answer).length > 110)).toEqual([])
    expect(idsWhere(({ question, answer }) => !/^[\n\x20-\x7e]+$/.test(question + answer))).toEqual([])
    expect(idsWhere(({ answer }) => !/[.?!"]$/.test(answer) || / {2}| $|\n{3}/m.test(answer))).toEqual([])
  })

  if (existsSync(medquad)) {
    it("has no eight words in a row from MedQuAD's answers", async () => {
      const known = await readMedquad(medquad)
      expect(known.pairs.length).toBe(47457)
      const runs = new Map(pairs.flatMap(({ id, answer }) => runsOf(answer, 8).map((run) => [run, id] as const)))
      const found = new Set<string>()
      for (const { answer } of known.pairs) {
        for (const run of runsOf(answer, 8)) if (runs.has(run)) found.add(`${runs.get(run)}: ${run}`)
      }
      expect([...found]).toEqual([])
    }, 120_000)
  } else {
    it("is told that its wording was not compared with MedQuAD's", () => {
      console.warn(
        `NOT RUN: the sample against MedQuAD's wording, for there is nothing at ${medquad}; set MEDQUAD to it`,
      )
      expect(existsSync(medquad)).toBe(false)
    })
  }
})
