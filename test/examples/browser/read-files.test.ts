import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { strToU8, zipSync } from 'fflate'
import { expect, it } from 'vitest'
import { fewestToHoldOut, type PairTable } from '../../../examples/browser/data/pair-table.ts'
import { type ReadProgress, readFiles } from '../../../examples/browser/data/read-files.ts'
import { loadMedquad, sampleFolder } from '../../../examples/medquad/data/load-medquad.ts'
import { someFiles } from '../medquad/medquad-files.ts'
import { root } from '../../programs/run-program.ts'

const two = [
  { question: 'What is asthma?', answer: 'A disease, "chronic",\nof the airways.' },
  { question: 'Is it common?', answer: 'Yes.' },
]
const jsonLines = two.map((pair) => JSON.stringify(pair))
const csv = `question,answer\nWhat is asthma?,"A disease, ""chronic"",\nof the airways."\nIs it common?, Yes. \n`

const typed = (text: string) => readFiles([new File([text], '')])
const kept = (table: PairTable) =>
  table.page('kept', 0, 1000).rows.map(({ question, answer }) => ({ question, answer }))
const dropped = (table: PairTable) =>
  table.page('dropped', 0, 1000).rows.map(({ where, reason, detail }) => [where, reason, detail])

it('reads JSON Lines, passing over empty lines, other fields and a byte order mark', async () => {
  expect(kept(await typed(jsonLines.join('\n')))).toEqual(two)
  expect(kept(await typed(`\ufeff\r\n${jsonLines.join('\r\n\r\n')}\r\n`))).toEqual(two)
  expect(kept(await typed(JSON.stringify({ id: 7, ...two[1] })))).toEqual([two[1]])
})

it('reads CSV, TSV, semicolons and bars, with columns in any order and case', async () => {
  expect(kept(await typed(csv))).toEqual(two)
  expect(kept(await typed(`\ufeff${csv.replaceAll('\n', '\r\n').replace('chronic"",\r\n', 'chronic"",\n')}`))).toEqual(
    two,
  )
  const rows = [
    ['Focus', ' ANSWER', 'Question '],
    ['asthma', 'Yes.', 'Is it common?'],
  ]
  for (const delimiter of ['\t', ';', '|']) {
    expect(kept(await typed(rows.map((row) => row.join(delimiter)).join('\n')))).toEqual([two[1]])
  }
})

it.each([
  ['prompt and completion', { prompt: 'Why?', completion: 'So.' }],
  [
    'a prompt of messages',
    { prompt: [{ role: 'user', content: 'Why?' }], completion: [{ role: 'assistant', content: 'So.' }] },
  ],
  ['instruction and output', { instruction: 'Why?', input: '', output: 'So.' }],
  [
    'messages',
    {
      messages: [
        { role: 'user', content: 'Why?' },
        { role: 'assistant', content: ' So. ' },
      ],
    },
  ],
  [
    'conversations',
    {
      conversations: [
        { from: 'human', value: 'Why?' },
        { from: 'gpt', value: 'So.' },
      ],
    },
  ],
])('knows rows of %s', async (_, row) => {
  expect(kept(await typed(JSON.stringify(row)))).toEqual([{ question: 'Why?', answer: 'So.' }])
})

it('puts the input of an instruction behind it', async () => {
  const [pair] = kept(await typed(JSON.stringify({ instruction: 'Translate.', input: 'Gicht', output: 'Gout' })))
  expect(pair).toEqual({ question: 'Translate.\n\nGicht', answer: 'Gout' })
  const header = 'instruction\tinput\toutput\n'
  expect(kept(await typed(`${header}Translate.\tGicht\tGout\n`))).toEqual([pair])
})

it('leaves rows out with their lines and reasons, and loses none of the others', async () => {
  const system = { role: 'system', content: 'Be kind.' }
  const [user, assistant] = [
    { role: 'user', content: 'Why?' },
    { role: 'assistant', content: 'So.' },
  ]
  const lines = [
    jsonLines[1],
    jsonLines[1],
    '',
    '{"question": "Why?"',
    '{"question": "Why?"}',
    '{"question": " ", "answer": "So."}',
    '{"question": "Why?", "answer": null}',
    '{"question": "Why?", "answer": 42}',
    '[1]',
    JSON.stringify({ messages: [system, user, assistant] }),
    JSON.stringify({ messages: [user, assistant, user, assistant] }),
    JSON.stringify({ messages: [{ role: 'user' }] }),
    '{"question": "Is it common?", "answer": "No."}',
  ]
  const table = await typed(lines.join('\n'))
  expect(kept(table)).toEqual([two[1], { question: 'Is it common?', answer: 'No.' }])
  const bad = dropped(table)
  expect(bad.map(([where, reason]) => [where, reason])).toEqual([
    ['line 2', 'duplicate'],
    ['line 4', 'unreadable'],
    ['line 5', 'unreadable'],
    ['line 6', 'no-question'],
    ['line 7', 'no-answer'],
    ['line 8', 'unreadable'],
    ['line 9', 'unreadable'],
    ['line 10', 'several-turns'],
    ['line 11', 'several-turns'],
    ['line 12', 'unreadable'],
  ])
  const sentences = bad.flatMap(([, , detail]) => detail ?? [])
  expect(sentences[0]).toMatch(/^Line 4 is not JSON \(.+\)\. Each line should be one JSON object\.$/)
  expect(sentences.slice(1)).toEqual([
    'Line 5 has no answer; it has question.',
    'Line 8 has answer that is not a string.',
    'Line 9 is no JSON object like {"question": "…", "answer": "…"}.',
    'Line 12: a message has no value; it has role.',
  ])
  expect(table.summary).toEqual({
    files: [{ name: '', rows: 12, kept: 2 }],
    rows: 12,
    kept: 2,
    reasons: [
      ['unreadable', 5],
      ['several-turns', 2],
      ['duplicate', 1],
      ['no-question', 1],
      ['no-answer', 1],
    ],
  })
})

it('counts lines of CSV in the file, through empty ones and those within quotes', async () => {
  const table = await typed(`\n${csv}\nWhy?,So,and so.\nHow?,\n`)
  expect(dropped(table)).toEqual([
    ['line 7', 'unreadable', 'Row 3 under the header: Too many fields: expected 2 fields but parsed 3.'],
    ['line 8', 'no-answer', null],
  ])
})

it('reads Parquet and a list of JSON by their rows', async () => {
  const parquet = await readFile(join(root, 'test/fixtures/medquad/lavita-rows.parquet'))
  const table = await readFiles([
    new File([parquet], 'medquad.parquet'),
    new File([`[${jsonLines.join(',\n')}]`], 'a.json'),
  ])
  expect(table.summary.files).toEqual([
    { name: 'medquad.parquet', rows: 4, kept: 3 },
    { name: 'a.json', rows: 2, kept: 2 },
  ])
  expect(dropped(table)).toEqual([['row 3', 'no-answer', null]])
  expect(kept(table)[0]).toEqual({ question: 'What is (are) woolly hair ?', answer: 'Woolly hair is hair.' })
})

it("reads MedQuAD's archive as the recipe does, and keeps a disease together", async () => {
  const entries = Object.entries(someFiles).map(([path, text]) => [`MedQuAD-master/${path}`, strToU8(text)] as const)
  const archive = new File([zipSync(Object.fromEntries(entries)).slice()], 'MedQuAD-master.zip')
  const table = await readFiles([archive])
  expect(table.page('kept', 0, 9).rows.map(({ where, question, answer }) => [where, question, answer])).toEqual([
    ['1_Alpha_QA/0000001.xml, pair 1', 'What is (are) Blue fever?', "It isn't red < 38 °C.\n- one"],
    ['2_Beta_QA/0000002.xml, pair 1', 'What causes Green cough?', 'Moss & fog.'],
    ['3_Gamma_QA/0000003.xml, pair 1', 'what is the outlook?', '1234'],
  ])
  expect(dropped(table)).toEqual([['1_Alpha_QA/0000001.xml, pair 2', 'no-answer', null]])
})

it('reads files of rows in an archive, and says what else it is', async () => {
  const zip = (files: Record<string, string>) =>
    new File(
      [zipSync(Object.fromEntries(Object.entries(files).map(([path, text]) => [path, strToU8(text)]))).slice()],
      'a.zip',
    )
  const table = await readFiles([zip({ 'data/b.csv': csv, 'data/a.jsonl': jsonLines[1] ?? '', 'data/c.txt': 'x' })])
  expect(table.summary.files).toEqual([
    { name: 'data/a.jsonl', rows: 1, kept: 1 },
    { name: 'data/b.csv', rows: 2, kept: 1 },
  ])
  await expect(readFiles([zip({ 'c.txt': 'x' })])).rejects.toThrow(/^a\.zip holds no XML of MedQuAD, and no \.jsonl/)
  const cut = new File([zip({ 'a.jsonl': 'x'.repeat(999) }).slice(0, 60)], 'cut.zip')
  await expect(readFiles([cut])).rejects.toThrow(/^cut\.zip is no archive that can be read: /)
  const packed = new File([Uint8Array.of(0x1f, 0x8b, 8, 0, 0)], 'a.tar.gz')
  await expect(readFiles([packed])).rejects.toThrow('a.tar.gz is packed with gzip')
})

const nothing = 'Give JSON Lines or CSV with question and answer.'

it.each([
  ['', `There is no line. ${nothing}`],
  [' \n\n', `There is no line. ${nothing}`],
  ['question,answer\n', `There is no line. ${nothing}`],
  ['question,answer\nWhy?,\n', `None of 1 rows has a question and an answer. ${nothing}`],
  ['{"question": "Why?"}', 'Line 1 has no answer; it has question.'],
  ['{}', 'Line 1 has no question; it has nothing.'],
  ['["Why?"]', 'item 0: must be an object of columns, got "Why?"'],
  ['Frage,answer\nWhy?,So.\n', 'No column question; the first line names "frage", "answer".'],
  ['Hello there', 'No column question and no column answer; the first line names "hello there".'],
  ['question,answer\nIs it common?,Yes.\nWhy?,"So\nHow?,So\n', 'Row 2 under the header: Quoted field unterminated.'],
])('says what is wrong with %j', async (text, sentence) => {
  await expect(typed(text)).rejects.toThrow(sentence)
  if (text !== '["Why?"]') await expect(readFiles([new File([text], 'mine.csv')])).rejects.toThrow(sentence)
})

it('names the file that it refuses', async () => {
  const good = new File([csv], 'good.csv')
  await expect(readFiles([good, new File(['Hello'], 'bad.csv')])).rejects.toThrow(/^bad\.csv: No column question/)
  const torn = new File([new Uint8Array([0x50, 0x41, 0x52, 0x31, 0, 0, 0, 0])], 'torn.parquet')
  await expect(readFiles([good, torn])).rejects.toThrow(/torn\.parquet/)
})

it('tells how far it is', async () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => JSON.stringify({ question: `${i}?`, answer: 'x'.repeat(500) }))
  const told: ReadProgress[] = []
  const { summary } = await readFiles([new File([lines.join('\n')], 'many.jsonl')], (progress) => told.push(progress))
  expect(summary.kept).toBe(60_000)
  for (const { file, unit, done } of told) expect([file, unit, done < 60_000]).toEqual(['many.jsonl', 'rows', true])
})

it('splits by question, and holds nothing out of few', async () => {
  const rows = Array.from({ length: 400 }, (_, i) => ({ question: `What is ${i % 200}?`, answer: `Number ${i}.` }))
  const table = await typed(rows.map((row) => JSON.stringify(row)).join('\n'))
  const { train, heldOut } = await table.split(0.1, 42)
  expect(train.length + heldOut.length).toBe(400)
  expect(heldOut.length).toBeGreaterThan(16)
  expect(heldOut.length).toBeLessThan(72)
  const asked = new Set(heldOut.map(({ question }) => question))
  expect(train.filter(({ question }) => asked.has(question))).toEqual([])
  expect(heldOut.length).toBe(2 * asked.size)
  expect(await table.split(0.1, 42)).toEqual({ train, heldOut })
  expect((await table.split(0.1, 43)).heldOut).not.toEqual(heldOut)
  expect((await table.split(0, 42)).heldOut).toEqual([])
  const few = await typed(
    rows
      .slice(0, fewestToHoldOut - 1)
      .map((row) => JSON.stringify(row))
      .join('\n'),
  )
  expect((await few.split(0.5, 42)).heldOut).toEqual([])
})

it('shows what a run had no room for among what is left out, until the next run', async () => {
  const table = await typed(jsonLines.join('\n'))
  table.setTooLong([`${two[1]?.question}\0${two[1]?.answer}`])
  expect(table.summary).toMatchObject({ files: [{ rows: 2, kept: 1 }], kept: 1, reasons: [['too-long', 1]] })
  expect(dropped(table)).toEqual([['line 2', 'too-long', null]])
  expect(kept(table)).toEqual([two[0]])
  // It is tried anew by another run, whose limit may be another.
  expect((await table.split(0, 42)).train).toEqual(two)
  table.setTooLong([])
  expect(kept(table)).toEqual(two)
})

it('has for a sample that of the recipe', async () => {
  const { pairs } = await loadMedquad({ data: sampleFolder, cacheDir: '' })
  const text = await readFile(join(root, 'examples/browser/sample.jsonl'), 'utf8')
  const { train } = await (await typed(text)).split(0, 0)
  expect(train).toEqual(pairs.map(({ question, answer }) => ({ question, answer })))
})
