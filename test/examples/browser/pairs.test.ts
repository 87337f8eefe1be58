import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readPairs } from '../../../examples/browser/pairs.ts'
import { loadMedquad, sampleFolder } from '../../../examples/medquad/data/load-medquad.ts'
import { root } from '../../programs/run-program.ts'

const two = {
  pairs: [
    { question: 'What is asthma?', answer: 'A disease, "chronic",\nof the airways.' },
    { question: 'Is it common?', answer: 'Yes.' },
  ],
  leftOut: 0,
}
const jsonLines = two.pairs.map((pair) => JSON.stringify(pair))
const csv = `question,answer\nWhat is asthma?,"A disease, ""chronic"",\nof the airways."\nIs it common?, Yes. \n`

it('reads JSON Lines, passing over empty lines, other fields and a byte order mark', () => {
  expect(readPairs(jsonLines.join('\n'))).toEqual(two)
  expect(readPairs(`\ufeff\r\n${jsonLines.join('\r\n\r\n')}\r\n`)).toEqual(two)
  expect(readPairs(JSON.stringify({ id: 7, ...two.pairs[1] })).pairs).toEqual([two.pairs[1]])
})

it('reads CSV, TSV and semicolons, with columns in any order and case', () => {
  expect(readPairs(csv)).toEqual(two)
  expect(readPairs(`\ufeff${csv.replaceAll('\n', '\r\n').replace('chronic"",\r\n', 'chronic"",\n')}`)).toEqual(two)
  const rows = [
    ['Focus', ' ANSWER', 'Question '],
    ['asthma', 'Yes.', 'Is it common?'],
  ]
  for (const delimiter of ['\t', ';', '|']) {
    const text = rows.map((row) => row.join(delimiter)).join('\n')
    expect(readPairs(text).pairs).toEqual([two.pairs[1]])
  }
})

it('leaves out rows without question or answer, and counts them', () => {
  expect(readPairs('question,answer\nIs it common?,Yes.\nWhy?,\n  ,Because.\n')).toEqual({
    pairs: [two.pairs[1]],
    leftOut: 2,
  })
})

it.each([
  ['', 'There is no line. Give JSON Lines or CSV with question and answer.'],
  [' \n\n', 'There is no line. Give JSON Lines or CSV with question and answer.'],
  ['question,answer\n', 'There is no line. Give JSON Lines or CSV with question and answer.'],
  [
    'question,answer\nWhy?,\n',
    'None of 1 rows has a question and an answer. Give JSON Lines or CSV with question and answer.',
  ],
  ['[{"question": "Why?", "answer": "So."}]', 'Line 1 is no JSON object like {"question": "…", "answer": "…"}.'],
  [`${jsonLines[1]}\n\n{"question": "Why?"}`, 'Line 3 has no answer; it has question.'],
  ['{"question": "Why?", "answer": 42}', 'Line 1 has answer that is not a string.'],
  ['{}', 'Line 1 has no question; it has nothing.'],
  ['prompt,answer\nWhy?,So.\n', 'No column question; the first line names "prompt", "answer".'],
  ['Hello there', 'No column question and no column answer; the first line names "hello there".'],
  [
    'question,answer\nIs it common?,Yes.\nWhy?,So,and so.\n',
    'Row 2 under the header: Too many fields: expected 2 fields but parsed 3.',
  ],
])('says what is wrong with %j', (text, sentence) => {
  expect(() => readPairs(text)).toThrow(sentence)
})

it('says which line is not JSON', () => {
  expect(() => readPairs(`${jsonLines[0]}\n{"question": "Why?"\n`)).toThrow(
    /^Line 2 is not JSON \(.+\)\. Each line should be one JSON object\.$/,
  )
})

it('has for a sample that of the recipe', async () => {
  const { pairs } = await loadMedquad({ data: sampleFolder, cacheDir: '' })
  const text = await readFile(join(root, 'examples/browser/sample.jsonl'), 'utf8')
  expect(readPairs(text)).toEqual({ pairs: pairs.map(({ question, answer }) => ({ question, answer })), leftOut: 0 })
})
