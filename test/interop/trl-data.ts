import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Random } from '../../src/core/random.ts'
import { prepareExamples } from '../../src/data/prepare-examples.ts'
import { optionsOf, tokenizers, type TrlCase } from '../data/trl-cases.ts'

const script = fileURLToPath(new URL('../fixtures/make_trl_data.py', import.meta.url))
const pieces = [
  'symptoms',
  ' of ',
  'diabetes',
  '?',
  '\n\n',
  ' ',
  '  ',
  'é',
  'e\u0301',
  '🩺',
  '日本',
  'insulin',
  "don't",
  '3.5',
  '<|endoftext|>',
  'thir',
  'st',
  '\t',
]

/** Data that TRL's trainer and ours prepare otherwise, of rows drawn at random; each line is a case. */
export async function trlDataProblems(python: string, seed = Math.floor(Math.random() * 1e6)): Promise<string[]> {
  const random = new Random(seed)
  const text = (most: number) =>
    Array.from({ length: 1 + random.below(most) }, () => pieces[random.below(pieces.length)]).join('')
  const many = <T>(make: () => T) => Array.from({ length: 40 }, make)
  const turn = (role: string) => ({ role, content: text(6) })
  const texts = many(() => ({ text: text(30) }))
  const pairs = many(() => ({ prompt: text(12), completion: text(12) }))
  const talks = many(() => ({
    messages: many(() => [turn('user'), turn('assistant')])
      .flat()
      .slice(0, 2 + 2 * random.below(3)),
  }))
  const packed = { packing: true, max_length: 48 }
  const cases = (['bytes', 'llama'] as const).flatMap((tokenizer) => [
    { tokenizer, rows: pairs, options: { max_length: 24 } },
    { tokenizer, rows: texts, options: { max_length: 24 } },
    { tokenizer, rows: talks, options: { chat: true, assistant_only_loss: true } },
    ...['bfd', 'bfd_split', 'wrapped'].map((strategy) => {
      return { tokenizer, rows: pairs, options: { ...packed, packing_strategy: strategy } }
    }),
  ])
  const folder = mkdtempSync(join(tmpdir(), 'peft-medaware-trl-'))
  try {
    const path = join(folder, 'cases.json')
    writeFileSync(path, JSON.stringify(cases))
    const { stdout } = await promisify(execFile)(python, [script, path], { maxBuffer: 2 ** 28 })
    const made = JSON.parse(stdout) as TrlCase['made'][]
    const told = cases.map(async (given, i) => {
      const { examples } = await prepareExamples(tokenizers[given.tokenizer], given.rows, optionsOf(given))
      const theirs = made[i]?.map(
        ({ ids, labels, seqLengths = [] }) => [ids, withoutFirsts(labels, seqLengths)] as const,
      )
      // TRL keeps packed rows in which nothing is learned.
      const wanted = theirs?.filter(([, labels]) => labels.some((label, at) => at > 0 && label >= 0))
      const ours = examples.map(({ inputIds, labels, seqLengths = [] }) => [
        [...inputIds],
        withoutFirsts([...labels], seqLengths),
      ])
      const isSame = JSON.stringify(ours) === JSON.stringify(wanted)
      return isSame ? [] : [`${given.tokenizer}, ${JSON.stringify(given.options)}, seed ${seed}: other ids or labels`]
    })
    return (await Promise.all(told)).flat()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Labels without those of documents' first tokens, which TRL masks when it collates. */
function withoutFirsts(labels: number[], seqLengths: readonly number[]): number[] {
  let at = 0
  for (const length of seqLengths) {
    labels[at] = -100
    at += length
  }
  return labels
}
