import { stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { countMedquad, formatCounts } from '../../../examples/medquad/data/count-medquad.ts'
import { readMedquad } from '../../../examples/medquad/data/read-medquad.ts'
import { visitXmlFiles } from '../../../examples/medquad/data/xml-files.ts'
import { archiveOf, documentXml, folderOf, someFiles, tempFolder } from './medquad-files.ts'

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  )

describe('readMedquad', () => {
  it('reads the three schemas', async () => {
    const { pairs, files, roots } = await readMedquad(await folderOf(someFiles))
    expect({ files, roots }).toEqual({ files: 4, roots: { Document: 2, DiseaseFile: 1, doc: 1 } })
    const alpha = {
      collection: '1_Alpha_QA',
      focus: 'Blue fever',
      cui: ['C0000001', 'C0000002'],
      semanticTypes: ['T047'],
      semanticGroups: ['Disorders'],
      source: 'Alpha',
      url: 'https://example.org/a?x=1&y=2',
    }
    expect(pairs).toEqual([
      {
        id: '1_Alpha_QA/0000001#1',
        ...alpha,
        qid: '0000001-1',
        qtype: 'information',
        question: 'What is (are) Blue fever ?',
        answer: "It isn't red < 38 °C.\n        -  one",
      },
      {
        id: '1_Alpha_QA/0000001#3',
        ...alpha,
        qid: '0000001-3',
        qtype: 'treatment',
        question: 'What are the treatments for Blue fever ?',
        answer: '',
      },
      {
        id: '2_Beta_QA/0000002#7',
        collection: '2_Beta_QA',
        focus: 'Green cough',
        cui: [],
        semanticTypes: [],
        semanticGroups: [],
        qid: '0000002-7',
        qtype: 'causes',
        question: 'What causes Green cough ?',
        answer: 'Moss & fog.',
        source: 'Beta',
        url: '',
      },
      {
        id: '3_Gamma_QA/0000003#1',
        collection: '3_Gamma_QA',
        focus: 'Grey ache',
        cui: ['C0000003'],
        semanticTypes: ['T184'],
        semanticGroups: ['Disorders'],
        qid: '0000003-1',
        qtype: 'outlook',
        question: 'what is the outlook ?',
        answer: '1234',
        source: 'Gamma',
        url: 'https://example.org/c',
      },
    ])
  })

  it('reads the same pairs from a folder, a .tar.gz, a .tar, and one collection alone', async () => {
    const folder = await folderOf(someFiles)
    const data = await readMedquad(folder)
    expect(await readMedquad(await archiveOf(folder))).toEqual(data)
    expect(await readMedquad(await archiveOf(folder, 'medquad', false))).toEqual(data)
    const beta = await readMedquad(join(folder, '2_Beta_QA'))
    expect(beta.pairs).toEqual(data.pairs.filter((pair) => pair.collection === '2_Beta_QA'))
  })

  it('tells how far it is, with the total where it is known', async () => {
    const folder = await folderOf(someFiles)
    const seen: unknown[] = []
    await readMedquad(folder, (...progress) => seen.push(progress))
    await readMedquad(await archiveOf(folder), (...progress) => seen.push(progress))
    expect(seen).toEqual([[1, 4], [2, 4], [3, 4], [4, 4], [1], [2], [3], [4]])
  })

  it("reads JSON Lines with MedQuAD's fields or with question and answer alone", async () => {
    const rows = [
      {
        id: 'x#1',
        collection: 'x',
        focus: 'F',
        cui: ['C1', ''],
        semanticType: ['T047'],
        semanticGroup: ['Disorders'],
        qtype: 'causes',
        question: 'Q?',
        answer: 'A',
      },
      { question: 'Plain?', answer: '' },
    ]
    const folder = await folderOf({ 'mine.jsonl': `\ufeff${JSON.stringify(rows[0])}\r\n\n${JSON.stringify(rows[1])}` })
    const { pairs, files, roots } = await readMedquad(join(folder, 'mine.jsonl'))
    expect({ files, roots }).toEqual({ files: 1, roots: {} })
    const none = { focus: '', cui: [], semanticTypes: [], semanticGroups: [], qid: '', qtype: '', source: '', url: '' }
    expect(pairs).toEqual([
      {
        ...none,
        id: 'x#1',
        collection: 'x',
        focus: 'F',
        cui: ['C1'],
        semanticTypes: ['T047'],
        semanticGroups: ['Disorders'],
        qtype: 'causes',
        question: 'Q?',
        answer: 'A',
      },
      { ...none, id: 'mine#3', collection: 'mine', question: 'Plain?', answer: '' },
    ])
  })

  it('says what is missing', async () => {
    const folder = await folderOf({ 'readme.txt': 'none here' })
    expect(await failure(readMedquad(folder))).toMatchObject({
      code: 'not-found',
      message: `medquad: no XML file in ${folder}; it should hold folders like 1_CancerGov_QA`,
    })
    expect(await failure(readMedquad(join(folder, 'gone')))).toMatchObject({
      code: 'not-found',
      message: `medquad: no file or folder at ${join(folder, 'gone')}; give MedQuAD's folder, archive or JSONL`,
    })
    expect(await failure(readMedquad(join(folder, 'gone.jsonl')))).toMatchObject({ code: 'not-found' })
    await writeFile(join(folder, 'empty.jsonl'), '\n')
    expect(await failure(readMedquad(join(folder, 'empty.jsonl')))).toMatchObject({
      code: 'not-found',
      message: `medquad: no line in ${join(folder, 'empty.jsonl')}; each should be a question and its answer`,
    })
  })

  it.each([
    [
      'an open tag',
      '<Document>\n<Focus>x</Document>',
      "medquad: 1_A_QA/7.xml is broken XML, Expected closing tag 'Focus' (opened in line 2, col 1) instead of closing tag 'Document'. (line 2); fetch the data again",
    ],
    ['half a file', documentXml.slice(0, 600), /^medquad: 1_A_QA\/7\.xml is broken XML, .*; fetch the data again$/s],
    [
      'bytes that are no UTF-8',
      new Uint8Array([0x3c, 0xff, 0x3e]),
      /^medquad: 1_A_QA\/7\.xml is broken XML, .*; fetch the data again$/,
    ],
    [
      'another format',
      '<rss version="2.0"></rss>',
      'medquad: 1_A_QA/7.xml holds <rss>, not <Document>, <doc> or <DiseaseFile>',
    ],
    [
      'markup in a text',
      documentXml.replace('-  one', '<b>one</b>'),
      'medquad: 1_A_QA/7.xml has <b> inside a text; only text is known',
    ],
  ])('names the file with %s, in a folder and in an archive', async (_, xml, message) => {
    const folder = await folderOf({ '1_A_QA/7.xml': xml, '1_A_QA/8.xml': documentXml })
    const expected = {
      code: 'format',
      message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    }
    expect(await failure(readMedquad(folder))).toMatchObject(expected)
    expect(await failure(readMedquad(await archiveOf(folder)))).toMatchObject(expected)
  })

  it.each([
    [
      '{"question": "Q?", "answer": "A"}\nnot json',
      /^medquad: .*mine\.jsonl: line 2 is not JSON \(.*\)\. Each line should be one JSON object$/,
    ],
    ['{"question": "Q?"}', /^medquad: .*mine\.jsonl: line 1 has no answer; it has question$/],
    ['7', /^medquad: .*mine\.jsonl: no column question and no column answer; the first line names "7"$/],
    ['{"question": "Q?", "answer": 7}', /^medquad: .*mine\.jsonl: line 1 has answer that is not a string$/],
  ])('names the line of %s', async (text, message) => {
    const folder = await folderOf({ 'mine.jsonl': text })
    expect(await failure(readMedquad(join(folder, 'mine.jsonl')))).toMatchObject({
      code: 'format',
      message: expect.stringMatching(message) as string,
    })
  })

  it('refuses an archive that is cut off or none at all', async () => {
    const whole = await archiveOf(await folderOf(someFiles))
    await truncate(whole, 300)
    expect(await failure(readMedquad(whole))).toMatchObject({
      code: 'format',
      message: `medquad: ${whole} is no whole tar archive, unexpected end of file; fetch it again`,
    })
    const text = join(await tempFolder(), 'page.tar.gz')
    await writeFile(text, '<html>404</html>'.repeat(99))
    expect(await failure(readMedquad(text))).toMatchObject({ code: 'format' })
  })

  it('passes over files that are too large as they stream by, in a folder and in an archive', async () => {
    const bomb = new Uint8Array(40_000_000).fill(0x20)
    const folder = await folderOf({ '1_A_QA/7.xml': bomb, '1_A_QA/8.xml': documentXml, '1_A_QA/9.xml': bomb })
    const archive = await archiveOf(folder)
    expect((await stat(archive)).size).toBeLessThan(200_000)
    for (const source of [folder, archive]) {
      const { pairs, tooLarge } = await readMedquad(source)
      expect(pairs.map(({ id }) => id)).toEqual(['1_A_QA/8#1', '1_A_QA/8#3'])
      expect([...tooLarge].sort()).toEqual(['1_A_QA/7.xml', '1_A_QA/9.xml'])
    }
    const few = (limits: { unpacked?: number; entries?: number }) =>
      visitXmlFiles(archive, () => undefined, undefined, { file: 4e6, unpacked: 1e9, entries: 9, ...limits })
    expect(await few({})).toMatchObject({ count: 1 })
    expect(await failure(few({ unpacked: 50e6 }))).toMatchObject({
      code: 'format',
      message: `medquad: ${archive} is no whole tar archive, it unpacks to over 50 MB or 9 entries; fetch it again`,
    })
    expect(await failure(few({ entries: 2 }))).toMatchObject({ code: 'format' })
  })
})

describe('countMedquad', () => {
  it('counts the answered, by name, and prints a table', async () => {
    const counts = countMedquad(await readMedquad(await folderOf(someFiles)))
    expect(counts).toEqual({
      files: 4,
      roots: { Document: 2, DiseaseFile: 1, doc: 1 },
      pairs: 4,
      answered: 3,
      pairsByCollection: { '1_Alpha_QA': 2, '2_Beta_QA': 1, '3_Gamma_QA': 1 },
      answeredByCollection: { '1_Alpha_QA': 1, '2_Beta_QA': 1, '3_Gamma_QA': 1 },
      answeredByQuestionType: { causes: 1, information: 1, outlook: 1 },
      answeredBySemanticType: { T047: 1, T184: 1 },
      answeredWithCui: 2,
      distinctCuis: 3,
      duplicates: 0,
      distinctAnswers: 3,
    })
    expect(formatCounts(counts).split('\n')).toEqual([
      '4 files (<Document> 2, <DiseaseFile> 1, <doc> 1)',
      '4 pairs, 3 answered (3 different answers, 0 rows twice)',
      '2 answered pairs with a UMLS concept, 3 concepts',
      '',
      'collection  pairs  answered',
      '1_Alpha_QA      2         1',
      '2_Beta_QA       1         1',
      '3_Gamma_QA      1         1',
      '',
      'question type  answered',
      'causes                1',
      'information           1',
      'outlook               1',
    ])
  })
})
