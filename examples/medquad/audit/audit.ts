/** Audits MedQuAD, or pairs of one's own: `npm run medquad:audit`. */
import { loadTokenizer, ProgressLine, writeFolder } from 'peft-medaware'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory } from '../data/cache-directory.ts'
import { DataError } from '../data/data-error.ts'
import { loadMedquad } from '../data/load-medquad.ts'
import { readFlags, text, whole } from '../flags.ts'
import { reportErrorsPlainly, Story } from '../story.ts'
import { count, duration } from '../words.ts'
import { auditMedquad } from './audit-medquad.ts'
import type { NamedTokenizer } from './counts/lengths.ts'
import { markdownOf } from './report/markdown.ts'
import { pageOf } from './report/page.ts'
import { omittedOf, sectionsOf } from './report/sections.ts'

const help = `Counts what is in MedQuAD, what is missing and what is there twice, and writes audit.json, audit.md with its
pictures, and audit.html, one page that can be read by itself.

  npm run medquad:audit -- [options]

  --data PATH        MedQuAD, or pairs of your own, as for npm run medquad
  --tokenizer NAMES  folders or names on the Hub, with commas between, whose tokens are counted
                     (the small base of the recipe)
  --seed N           of the split and of MinHash                                     (0)
  --out DIR          where the results go                                            (out/medquad-audit)
  --help`

const flags = readFlags(
  process.argv.slice(2),
  { data: text(undefined), tokenizer: text(undefined), seed: whole(0, 0), out: text('out/medquad-audit') },
  help,
)
reportErrorsPlainly()
const line = new ProgressLine(process.stderr)
const story = new Story(line)
const tokenizers: NamedTokenizer[] = []
const small = resolve(fileURLToPath(new URL('../base', import.meta.url)))
for (const source of flags.tokenizer?.split(',') ?? [small]) {
  const tokenizer = await loadTokenizer(source.trim(), { onWarning: story.warn })
  if (tokenizer === null) throw new DataError('not-found', `audit: no tokenizer.json in ${source}`)
  const name =
    resolve(source) === small
      ? 'the small Falcon'
      : (source
          .trim()
          .split(/[/\\]/)
          .findLast((part) => part !== '') ?? source)
  tokenizers.push({ name, tokenizer })
}
const data = await loadMedquad({
  ...(flags.data !== undefined && { data: flags.data }),
  ...{ seed: flags.seed, cacheDir: cacheDirectory(), onProgress: story.reading, warn: story.warn },
})
const began = performance.now()
const audit = auditMedquad(data, {
  ...{ tokenizers, seed: flags.seed },
  onProgress: (stage, done, total) => {
    line.status(stage, (elapsed) => {
      const left = duration((elapsed / 1000 / done) * (total - done))
      return `${stage}  ${count(done)} of ${count(total)}  ${count(Math.round((1000 * done) / elapsed))}/s  ${left} left`
    })
  },
})
const sections = sectionsOf(audit)
const title =
  data.origin === 'given' && audit.paper === null ? 'Audit of pairs of questions and answers' : 'Audit of MedQuAD'
const pictures = sections.flatMap(({ pictures = [] }) => pictures)
await writeFolder(
  flags.out,
  new Map([
    ['audit.json', `${JSON.stringify(audit, null, 2)}\n`],
    ['audit.md', markdownOf(title, sections)],
    ['audit.html', pageOf(title, sections)],
    ...pictures.map(({ name, svg }) => [`${name}.svg`, svg] as const),
  ]),
)
for (const sentence of omittedOf(audit)) story.say('left out', sentence)
const { pairs, answered } = audit.makeUp
story.say(
  'audited',
  `${count(pairs)} pairs, ${count(answered)} answered, in ${duration((performance.now() - began) / 1000)}`,
)
story.say('saved', `${flags.out}: audit.html to read, audit.md and its pictures, audit.json with all figures`)
