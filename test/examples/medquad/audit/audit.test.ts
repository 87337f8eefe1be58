import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { auditMedquad } from '../../../../examples/medquad/audit/audit-medquad.ts'
import { boilerplateOf } from '../../../../examples/medquad/audit/counts/boilerplate.ts'
import { diseasesIn } from '../../../../examples/medquad/audit/counts/diseases.ts'
import { lengthsOf } from '../../../../examples/medquad/audit/counts/lengths.ts'
import { makeUpOf, paperStepsOf } from '../../../../examples/medquad/audit/counts/make-up.ts'
import { repeatsOf } from '../../../../examples/medquad/audit/counts/repeats.ts'
import { templatesOf } from '../../../../examples/medquad/audit/counts/templates.ts'
import { yearsOf } from '../../../../examples/medquad/audit/counts/years.ts'
import { nearDefaults, nearDuplicatesOf } from '../../../../examples/medquad/audit/near/near-duplicates.ts'
import { jaccard, shinglesOf } from '../../../../examples/medquad/audit/near/shingles.ts'
import { leaksOf, randomSplit } from '../../../../examples/medquad/audit/near/split-leaks.ts'
import { markdownOf } from '../../../../examples/medquad/audit/report/markdown.ts'
import { semanticTypeName } from '../../../../examples/medquad/audit/report/semantic-types.ts'
import { pageOf } from '../../../../examples/medquad/audit/report/page.ts'
import { omittedOf, sectionsOf } from '../../../../examples/medquad/audit/report/sections.ts'
import { loadMedquad, sampleFolder } from '../../../../examples/medquad/data/load-medquad.ts'
import { folderOf, pairWith, tempFolder } from '../medquad-files.ts'
import { start } from '../run-script.ts'

const words = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `w${from + i}`).join(' ')

describe('what the audit counts', () => {
  const pairs = [
    pairWith({
      id: 'a/1#1',
      collection: 'a',
      focus: 'Gout',
      question: 'What causes Gout?',
      answer: 'Acid.',
      cui: ['C1'],
    }),
    pairWith({
      id: 'a/1#2',
      collection: 'a',
      focus: 'gout',
      question: 'what causes gout ?',
      answer: 'Acid. ',
      qid: '1',
    }),
    pairWith({ id: 'a/2#1', collection: 'a', focus: '', question: 'Why me?', answer: ' ', qid: '1' }),
    pairWith({
      id: 'b/3#1',
      collection: 'b',
      focus: 'Flu',
      question: 'What causes Flu?',
      answer: 'acid',
      semanticGroups: ['G'],
    }),
    pairWith({
      id: 'b/3#2',
      collection: 'b',
      focus: 'Flu',
      question: 'So?',
      answer: 'In 1999, and 2004. Not 12.2001, 2005%, 20061.',
    }),
  ]

  it('is what is there and what is not', () => {
    const { collections, semanticGroups, without, distinctFoci } = makeUpOf(pairs)
    expect(collections).toEqual([
      { name: 'a', pairs: 3, answered: 2 },
      { name: 'b', pairs: 2, answered: 2 },
    ])
    expect(semanticGroups).toEqual([
      { name: '', pairs: 4, answered: 3 },
      { name: 'G', pairs: 1, answered: 1 },
    ])
    expect(without).toEqual({ cui: 3, semanticType: 4, focus: 0, url: 4 })
    expect(distinctFoci).toBe(3)
  })

  it("is how the paper's rows come about, for MedQuAD alone", () => {
    expect(paperStepsOf(pairs)).toBeNull()
    const unseen = pairWith({ id: '6_NINDS_QA/0000018#1', collection: '6_NINDS_QA' })
    const empty = pairWith({ id: '6_NINDS_QA/1#1', collection: '6_NINDS_QA', answer: '' })
    const gone = pairWith({ id: '11_D/1#1', collection: '11_D', answer: '' })
    expect(paperStepsOf([unseen, empty, gone, ...pairs])).toEqual({
      ...{ pairs: 8, withdrawn: [{ name: '11_D', pairs: 1, answered: 0 }], empty: { '6_NINDS_QA': 1, a: 1 } },
      ...{ answered: 5, unseen: { '6_NINDS_QA/0000018': 1 }, paper: 4 },
    })
  })

  it('is what is the same', () => {
    const { questions, foldedQuestions, answers, foldedAnswers, qidClashes, commonAnswers } = repeatsOf(pairs)
    expect(questions).toEqual({ distinct: 4, extra: 0, groups: 0, rows: 0, largest: 1 })
    expect(foldedQuestions).toEqual({ distinct: 3, extra: 1, groups: 1, rows: 2, largest: 2 })
    expect(answers).toEqual({ distinct: 3, extra: 1, groups: 1, rows: 2, largest: 2 })
    expect(foldedAnswers).toEqual({ distinct: 2, extra: 2, groups: 1, rows: 3, largest: 3 })
    expect(qidClashes).toEqual({ distinct: 1, extra: 1, groups: 1, rows: 2, largest: 2 })
    expect(commonAnswers).toEqual([{ answer: 'Acid.', rows: 2, collections: { a: 2 } }])
    expect(templatesOf(pairs)).toEqual({ templates: { 'what causes …': 3 }, rows: 3, others: 1, otherRows: 1 })
  })

  it('is years that stand by themselves, and lengths', () => {
    const { naming, latest, collections } = yearsOf(pairs)
    expect({ naming, latest }).toEqual({ naming: 1, latest: { 2004: 1 } })
    expect(collections).toContainEqual({ name: 'b', answered: 2, naming: 1, median: 2004 })
    const tokenizer = { encode: (text: string) => new Array<number>(1 + text.length).fill(0) }
    const long = [
      pairWith({ question: 'Q?', answer: 'x'.repeat(126) }),
      pairWith({ question: 'Q?', answer: 'x'.repeat(127) }),
    ]
    const { characters, tokenizers } = lengthsOf(long, [{ name: 't', tokenizer }])
    expect(characters).toEqual({ mean: 126.5, median: 127, p90: 127, p99: 127, most: 127, sum: 253 })
    expect(tokenizers[0]?.cut.map(({ share }) => share)).toEqual([0.5, 0, 0, 0])
  })

  it('is sentences that several answers have', () => {
    const some = [
      'One two three four. Own words stand here!',
      'one, two three FOUR\nShort one.',
      'Nothing of it is here.',
    ]
    const { characters, shared, sentences } = boilerplateOf(some.map((answer) => pairWith({ answer })))
    expect(characters).toBe(41 + 30 + 22)
    expect(shared[0]).toEqual({ answers: 2, characters: 19 + 19 })
    expect(shared[1]).toEqual({ answers: 5, characters: 0 })
    expect(sentences).toEqual([{ sentence: 'One two three four.', answers: 2 }])
  })

  it('is diseases by their questions', () => {
    const { diseases, withOneQuestion, sizes } = diseasesIn([...pairs, pairWith({ question: 'Alone?' })])
    expect({ diseases, withOneQuestion }).toEqual({ diseases: 4, withOneQuestion: 2 })
    expect(sizes.slice(0, 2)).toEqual([
      { questions: 1, diseases: 2 },
      { questions: 2, diseases: 2 },
    ])
  })
})

describe('near-duplicates', () => {
  it('have the similarity of their runs of words', () => {
    const similarity = (a: string, b: string) => jaccard(shinglesOf(a, 3), shinglesOf(b, 3))
    expect(similarity('A b c, d', 'a B c d.')).toBe(1)
    expect(similarity('a b c d', 'a b c e')).toBe(1 / 3)
    expect(similarity('a b', 'b a')).toBe(0)
  })

  it('are found wherever they are: MinHash misses none that comparing all pairs finds', () => {
    // Every tenth text has a twin with one of its 60 words changed: 55 of 61 runs are the same.
    const texts = Array.from({ length: 400 }, (_, i) => words(100 * i, 100 * i + 60))
    const twins = texts.filter((_, i) => i % 10 === 0).map((text) => text.replace(/w\d*30\b/, 'other'))
    const {
      pairs,
      texts: near,
      check,
      neighbours,
    } = nearDuplicatesOf([...texts, ...twins], { ...nearDefaults, sample: 440 })
    expect({ pairs, near }).toEqual({ pairs: 40, near: 80 })
    expect(check).toMatchObject({ texts: 440, pairs: 96_580, near: 40, found: 40 })
    expect(neighbours.get(0)).toEqual([{ other: 400, similarity: 55 / 61 }])
    expect(check.meanError).toBeLessThan(0.1)
  })

  it('across a split are counted with what is the same', () => {
    const [one, twin] = [words(0, 60), words(0, 59)]
    const train = [
      pairWith({ focus: 'Flu', question: 'A?', answer: one }),
      pairWith({ question: 'B?', answer: 'Same.' }),
    ]
    const heldOut = [
      pairWith({ focus: 'flu', question: 'a', answer: twin }),
      pairWith({ question: 'C?', answer: 'Same.' }),
      pairWith({ focus: 'Gout', question: 'D?', answer: 'Other.' }),
    ]
    const answers = [one, 'Same.', twin, 'Other.']
    const near = nearDuplicatesOf(answers, nearDefaults)
    const { examples, ...leaks } = leaksOf(train, heldOut, { answers, near })
    expect(leaks).toEqual({ heldOut: 3, train: 2, focus: 1, question: 1, answer: 1, near: 2 })
    expect(examples).toMatchObject([{ similarity: 57 / 58, heldOut: { question: 'a' }, train: { question: 'A?' } }])
    const split = randomSplit(heldOut, 1 / 3, 0)
    expect([split.heldOut.length, split.train.length]).toEqual([1, 2])
    expect(randomSplit(heldOut, 1 / 3, 0)).toEqual(split)
  })
})

describe('the report', () => {
  it('of the sample has its counts, and is one page that anyone can read and that asks no server', async () => {
    const data = await loadMedquad({ data: sampleFolder, cacheDir: await tempFolder() })
    const audit = auditMedquad(data, { sample: 100, draws: 3 })
    expect(audit.makeUp).toMatchObject({ pairs: 577, answered: 577, distinctCuis: 123 })
    expect(audit.split.byDisease).toMatchObject({ focus: 0, question: 0, answer: 0, near: 0 })
    expect(omittedOf(audit).map((sentence) => sentence.split(':')[0])).toEqual([
      "How the paper's 16,407 pairs come about",
      'Sources',
      'Lengths in tokens',
    ])
    const html = pageOf('Audit', sectionsOf(audit))
    const { document } = parseHTML(html)
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|\bsrc=|@import|url\(/)
    expect(document.querySelector('meta[http-equiv]')?.getAttribute('content')).toContain("default-src 'none'")
    expect(document.documentElement.getAttribute('lang')).toBe('en')
    expect(document.querySelectorAll('h1').length).toBe(1)
    for (const table of document.querySelectorAll('table')) {
      expect(table.querySelector('caption')?.textContent).not.toBe('')
      const columns = table.querySelectorAll('thead th[scope=col]').length
      for (const row of table.querySelectorAll('tbody tr')) expect(row.children.length).toBe(columns)
    }
    const pictures = [...document.querySelectorAll('figure > svg')]
    expect(pictures.length).toBe(4)
    for (const svg of pictures) {
      expect(svg.getAttribute('role')).toBe('img')
      expect(svg.querySelector('title')?.textContent).toBe(svg.getAttribute('aria-label'))
    }
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    for (const link of document.querySelectorAll('nav a')) expect(ids).toContain(link.getAttribute('href')?.slice(1))
  })

  it('puts numbers and shares at the right, heads included, and names semantic types', () => {
    const rows = [
      ['a', 1, '1.5%', '2004'],
      ['b', 2, '20%', 'none'],
    ]
    const table = { caption: 'c', columns: ['name', 'count', 'of all', 'year'], rows }
    const page = parseHTML(pageOf('t', [{ title: 's', paragraphs: [], tables: [table] }])).document
    const classes = (row: string) => [...page.querySelectorAll(`${row} > *`)].map((each) => each.className)
    expect(classes('thead tr')).toEqual(['', 'n', 'n', ''])
    expect(classes('tbody tr:first-child')).toEqual(['', 'n', 'n', ''])
    expect(markdownOf('t', [{ title: 's', paragraphs: [], tables: [table] }])).toContain('| --- | ---: | ---: | --- |')
    expect(['T047', 'T999', 'constructor'].map(semanticTypeName)).toEqual([
      ...['Disease or Syndrome (T047)', 'T999', 'constructor'],
    ])
  })

  it('takes what it shows for text', () => {
    const table = { caption: '<b>', columns: ['"&'], rows: [['<script>']] }
    expect(pageOf('<i>', [{ title: '<u>', paragraphs: ['<p>'], tables: [table] }])).not.toMatch(
      /<[bi]>|<u>|<p><p>|<script><\/th/,
    )
  })

  it("is written for pairs of one's own, with what does not apply left out aloud", async () => {
    const rows = 'question,answer\nWhat is gout?,It hurts.\nWhat is flu?,A virus.\nWhat is rash?,Red skin.\n'
    const folder = await folderOf({ 'mine.csv': rows })
    const out = join(folder, 'out')
    const ended = await start('audit/audit', ['--data', join(folder, 'mine.csv'), '--out', out])
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toContain('left out   Types of question: no pair names one.')
    expect(ended.stdout).toContain('3 pairs, 3 answered')
    const audit = JSON.parse(await readFile(join(out, 'audit.json'), 'utf8')) as object
    expect(audit).toMatchObject({ paper: null, makeUp: { pairs: 3 }, diseases: { diseases: 3, withOneQuestion: 3 } })
    expect(await readFile(join(out, 'audit.md'), 'utf8')).toContain('| mine | 3 | 3 |')
    expect(await readFile(join(out, 'audit.html'), 'utf8')).toContain(
      '<h1>Audit of pairs of questions and answers</h1>',
    )
  })
})
