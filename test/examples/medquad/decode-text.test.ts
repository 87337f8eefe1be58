import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readFiles } from '../../../examples/browser/data/read-files.ts'
import { decodeText } from '../../../examples/medquad/data/decode-text.ts'
import { readMedquad } from '../../../examples/medquad/data/read-medquad.ts'
import { folderOf } from './medquad-files.ts'

const csv = 'question,answer\r\n"What is Ménière\'s disease?","37 °C – naïve"\r\nWhat is Sjögren?,Dry eyes.\r\n'
const pairs = [
  { question: "What is Ménière's disease?", answer: '37 °C – naïve' },
  { question: 'What is Sjögren?', answer: 'Dry eyes.' },
]
const jsonLines = pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('')

/** A text in an encoding whose codes are the code points but for these. */
const encode = (text: string, codes: Record<string, number> = {}): Uint8Array =>
  Uint8Array.from(text, (letter) => codes[letter] ?? letter.charCodeAt(0))
const codePage1252 = (text: string) => encode(text, { '–': 0x96 })
const latin1 = (text: string) => encode(text.replaceAll('–', '-'))
const utf16 = (text: string, isBig = false) => {
  const view = new DataView(new ArrayBuffer(2 * text.length))
  for (let at = 0; at < text.length; at++) view.setUint16(2 * at, text.charCodeAt(at), !isBig)
  return new Uint8Array(view.buffer)
}
const utf8 = (text: string) => new TextEncoder().encode(text)

/** Page and recipe read a file alike: its pairs, or the sentence of the refusal. */
async function read(name: string, bytes: Uint8Array): Promise<unknown> {
  const folder = await folderOf({ [name]: bytes })
  const page = await readByPage(bytes)
  const recipe = await readMedquad(join(folder, name)).then(
    ({ pairs: read }) => read.map(({ question, answer }) => ({ question, answer })),
    (error: unknown) => (error as Error).message,
  )
  if (typeof page !== 'string') expect(recipe).toEqual(page)
  else expect(recipe).toBe(`medquad: ${join(folder, name)}: ${lowerFirst(page).replace(/\.$/, '')}`)
  return page
}

const lowerFirst = (sentence: string) => sentence.slice(0, 1).toLowerCase() + sentence.slice(1)

/** What is typed has no name. A row that the page leaves out is one that the recipe refuses. */
async function readByPage(bytes: Uint8Array): Promise<unknown> {
  try {
    const table = await readFiles([new File([bytes.slice()], '')])
    const bad = table.firstUnreadable
    return bad?.detail ?? (await table.split(0, 0)).train
  } catch (error) {
    return (error as Error).message
  }
}

it.each([
  ['utf8.csv', utf8(csv)],
  ['bom.csv', utf8(`\ufeff${csv}`)],
  ['little.csv', utf16(`\ufeff${csv}`)],
  ['big.csv', utf16(`\ufeff${csv}`, true)],
  ['utf8.jsonl', utf8(jsonLines)],
  ['bom.jsonl', utf8(`\ufeff${jsonLines}`)],
  ['little.jsonl', utf16(`\ufeff${jsonLines}`)],
  ['pandas.tsv', utf8(`\tquestion\tanswer\n${pairs.map((p, i) => `${i}\t${p.question}\t${p.answer}\n`).join('')}`)],
  [
    'r.tsv',
    utf8(`"question"\t"answer"\n${pairs.map((p, i) => `"${i + 1}"\t"${p.question}"\t"${p.answer}"\n`).join('')}`),
  ],
  ['by-name.csv', utf8(`id,Answer,qtype,Question\n${pairs.map((p) => `7,${p.answer},x,${p.question}\n`).join('')}`)],
  ['commas.tsv', utf8(`question\tanswer\n${pairs.map((p) => `${p.question}\t${p.answer}\n`).join('')}`)],
])('reads %s right', async (name, bytes) => {
  expect(await read(name, bytes)).toEqual(pairs)
})

it.each([
  [
    'excel.csv',
    codePage1252(csv),
    'byte 27, in line 2, is no text in UTF-8: it is 0xE9, so this looks like Windows-1252 (code page 1252), where it is "é"',
  ],
  [
    'latin1.jsonl',
    latin1(jsonLines),
    'byte 22, in line 1, is no text in UTF-8: it is 0xE9, so this looks like Latin-1 (ISO-8859-1), where it is "é"',
  ],
  [
    'latin1.tsv',
    latin1('question\tanswer\nplain\tplain\nwhat\t37 °C\n'),
    'byte 36, in line 3, is no text in UTF-8: it is 0xB0, so this looks like Latin-1 (ISO-8859-1), where it is "°"',
  ],
  [
    'shift-jis.csv',
    Uint8Array.from([...utf8('question,answer\n'), 0x90, 0xea, 0x81, 0x48]),
    'byte 16, in line 2, is no text in UTF-8: it is 0x90, of an encoding that is not known',
  ],
  [
    'no-mark.csv',
    utf16(csv),
    'byte 1, in line 1, is no text in UTF-8: it is 0x00, so this looks like UTF-16 without a byte order mark',
  ],
  [
    'utf32.csv',
    Uint8Array.of(0xff, 0xfe, 0, 0, 0x71, 0, 0, 0),
    'byte 0, in line 1, is no text in UTF-8: this is UTF-32',
  ],
  [
    'cut.csv',
    utf16(`\ufeffquestion,answer\nwhy,\ud83d`),
    'byte 42, in line 2, is no text in UTF-8: a broken character in UTF-16LE',
  ],
  [
    'lost.csv',
    utf8('\ufeffquestion,answer\nwhy,na\ufffdve\n'),
    'byte 25, in line 2, is no text in UTF-8: it is U+FFFD, where another program lost a character, so the original is needed',
  ],
])('refuses %s by its first bad byte', async (name, bytes, sentence) => {
  expect(await read(name, bytes)).toBe(`${sentence}; save it as UTF-8`)
})

it('refuses characters that were lost before they were escaped', async () => {
  for (const escape of ['\\ufffd', '\\ud83d']) {
    const text = `{"question": "Why?", "answer": "na${escape}ve"}\n`
    expect(await read('lost.jsonl', utf8(text))).toBe(
      'Line 1 has U+FFFD in answer: a character was lost there; find the original.',
    )
  }
})

it('breaks lines at no character of a text', async () => {
  const strange = [{ question: 'Why\u2028?', answer: 'So\u2029 and\u0085 so\u000b.' }]
  expect(await read('strange.jsonl', utf8(strange.map((pair) => JSON.stringify(pair)).join('\n')))).toEqual(strange)
  expect(await read('strange.csv', utf8(`question,answer\nWhy\u2028?,So\u2029 and\u0085 so\u000b.\n`))).toEqual(strange)
  expect(await read('mac.jsonl', utf8(jsonLines.replaceAll('\n', '\r')))).toEqual(pairs)
})

it('refuses a column named twice and rows of another width', async () => {
  expect(await read('twice.csv', utf8('question,answer,Answer\na,b,c\n'))).toBe('The first line names "answer" twice.')
  expect(await read('short.csv', utf8('question,answer\nWhy?\n'))).toBe(
    'Row 1 under the header: Too few fields: expected 2 fields but parsed 1.',
  )
  expect(await read('mixed.tsv', utf8('question\tanswer\na\tb\n1\tc\td\n'))).toBe(
    'Row 2 under the header: Too many fields: expected 2 fields but parsed 3.',
  )
})

it('decodes what is no table too', () => {
  expect(decodeText(utf8('<a>é</a>'))).toBe('<a>é</a>')
  expect(decodeText(new Uint8Array())).toBe('')
})

it('shows the mark that code page 1252 has where Latin-1 has a control character', () => {
  const bytes = Uint8Array.of(0x61, 0x93, 0x62)
  expect(() => decodeText(bytes)).toThrow(
    'it is 0x93, so this looks like Windows-1252 (code page 1252), where it is "“"',
  )
})
