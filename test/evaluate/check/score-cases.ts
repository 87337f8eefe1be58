/**
 * Prints how the checker does on its cases, by kind: `npx tsx test/evaluate/check/score-cases.ts [MEDQUAD] [--faults]`.
 * With MedQuAD's data its names of drugs and diseases are known; --faults names each fault but the held-out ones.
 */
import { cacheDirectory } from '../../../examples/medquad/data/cache-directory.ts'
import { nameLists } from '../../../examples/medquad/texts/name-lists.ts'
import { loadMedquad } from '../../../examples/medquad/data/load-medquad.ts'
import { answerChecker } from '../../../src/evaluate/check/check-answer.ts'
import { claimKinds } from '../../../src/evaluate/check/claim.ts'
import { wilson } from '../../../src/evaluate/scores/proportion.ts'
import { type AnswerCase, answerCases, type CaseCounts, caseParts, countCases } from './answer-cases.ts'

const words = process.argv.slice(2)
const withFaults = words.includes('--faults')
const data = words.find((word) => !word.startsWith('--'))
const warn = (line: string) => console.error(line)
const check = answerChecker(
  data === undefined ? {} : nameLists((await loadMedquad({ data, warn, cacheDir: cacheDirectory() })).all),
)

/** A share and its interval. */
function shareOf(hits: number, n: number): string {
  if (n === 0) return '-'
  const { low, high } = wilson(hits, n)
  return `${(hits / n).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
}

function rowOf(name: string, { found, missed, wrong }: CaseCounts): string {
  const [hits, lost, false_] = [found.length, missed.length, wrong.length]
  const cells = [name, hits + lost, hits, lost, false_, shareOf(hits, hits + false_), shareOf(hits, hits + lost)]
  return `| ${cells.join(' | ')} |`
}

/** How many of the cases that want no flag get none. */
function cleanRow(cases: readonly AnswerCase[]): string {
  const clean = cases.filter(({ flags }) => flags.length === 0)
  const passed = clean.filter(({ answer, source }) => check(answer, source).length === 0).length
  return `${clean.length} cases want no flag; ${passed} of them get none: ${shareOf(passed, clean.length)}`
}

console.log(`with ${data === undefined ? 'no lists' : "MedQuAD's names"}; intervals: Wilson's, 95 %\n`)
console.log('| flags | wanted | found | missed | wrong | precision | recall |')
console.log('| --- | ---: | ---: | ---: | ---: | --- | --- |')
const isLong = ({ source }: AnswerCase) => source.length > 200
for (const part of caseParts) {
  const cases = await answerCases(part)
  const counts = countCases(cases, check)
  if (part.startsWith('blind')) {
    for (const kind of claimKinds) {
      const [found, missed, wrong] = [counts.found, counts.missed, counts.wrong].map((each) => {
        return each.filter((flag) => flag.kind === kind)
      })
      console.log(rowOf(`${part}: ${kind}`, { found: found ?? [], missed: missed ?? [], wrong: wrong ?? [] }))
    }
    console.log(
      rowOf(
        `${part}, short`,
        countCases(
          cases.filter((each) => !isLong(each)),
          check,
        ),
      ),
    )
    console.log(rowOf(`${part}, long`, countCases(cases.filter(isLong), check)))
  }
  console.log(rowOf(part, counts))
}
for (const part of ['blind', 'blind-second'] as const) {
  console.log(`\n${part}: ${cleanRow(await answerCases(part))}`)
}

if (withFaults) {
  for (const part of caseParts) {
    if (part === 'held-out') continue
    const { missed, wrong } = countCases(await answerCases(part), check)
    for (const { kind, text, answer } of missed) console.log(`${part}: missed ${kind} "${text}": ${answer}`)
    for (const { kind, text, answer } of wrong) console.log(`${part}: wrong ${kind} "${text}": ${answer}`)
  }
}
