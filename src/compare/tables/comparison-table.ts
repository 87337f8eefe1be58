import { alignedTable } from '../../evaluate/scores/aligned-table.ts'
import { interval, percent, withError } from '../../evaluate/scores/show-proportion.ts'
import type { ContenderScore } from '../choices/choice-score.ts'
import type { Comparison, ContenderPair } from '../choices/comparison.ts'
import { extractionRule } from '../choices/extract-answer.ts'
import { spendingCells, spendingHeads } from './spending-cells.ts'

/**
 * A comparison as plain text: scores with their baselines, what could not be read, tokens, cost and time; each pair by
 * McNemar's test; and the rule by which written answers were read.
 */
export function comparisonTable({ task, n, scores, pairs }: Comparison): string {
  const heads = ['contender', 'way', 'acc', '95 %', 'macro-F1', 'not read', ...spendingHeads]
  const rows = scores.map((score) => {
    const { contender, way, acc, macroF1, spending } = score
    const found = [contender, way, withError(acc), interval(acc), macroF1 === null ? '' : percent(macroF1)]
    return [...found, unread(score), ...spendingCells(spending)]
  })
  const { constant, chance, humans } = scores[0]?.baselines ?? { constant: null, chance: 0, humans: [] }
  if (constant !== null) {
    const f1 = constant.macroF1 === null ? '' : percent(constant.macroF1)
    rows.push([`always ${constant.answer}`, '', percent(constant.acc), interval(constant), f1])
  }
  rows.push(['chance', '', percent(chance)])
  for (const { who, acc, macroF1: f1 } of humans)
    rows.push([who, '', percent(acc), '', f1 === undefined ? '' : percent(f1)])
  const shots = scores[0]?.numFewshot ?? 0
  const legend =
    "acc in % ± standard error; 95 %: Wilson's interval; not read: answers in which no choice was found, which are wrong"
  const isRead = scores.some(({ way }) => way === 'generate')
  return [
    `${task}: ${n} questions, ${shots} solved examples\n\n`,
    alignedTable(heads, rows),
    `${legend}\n\n`,
    pairTable(pairs),
    ...(isRead ? [`\n${extractionRule}\n`] : []),
  ].join('')
}

const pairHeads = ['pair', 'both', 'only first', 'only second', 'neither', 'difference', 'p', 'p (Holm)', '']

function pairTable(pairs: readonly ContenderPair[]): string {
  const rows = pairs.map((pair) => {
    const { first, second, ways, both, onlyFirst, onlySecond, neither, difference, pValue, adjustedPValue } = pair
    const points = `${difference < 0 ? '' : '+'}${percent(difference)}`
    return [
      ...[`${first}, ${second}`, ...[both, onlyFirst, onlySecond, neither].map(String), points],
      ...[pValue.toFixed(4), adjustedPValue.toFixed(4)],
      ways[0] === ways[1] ? '' : `scored in two ways: ${ways.join(', ')}`,
    ]
  })
  const legend =
    "p: McNemar's exact test on the same questions; difference: the second's acc less the first's, in points"
  return `${alignedTable(pairHeads, rows)}${legend}\n`
}

/** How many answers were not read, and why. */
function unread({ way, outcomes, cutOff }: ContenderScore): string {
  if (way === 'log-likelihood') return ''
  const failures = Object.entries(outcomes).filter(([name, count]) => name !== 'answered' && count > 0)
  const total = failures.reduce((sum, [, count]) => sum + count, 0)
  const reasons = failures.map(([name, count]) => `${count} ${name}`)
  const read = cutOff - outcomes.truncated
  const cut = read > 0 ? [`${read} read though cut off`] : []
  const words = [...reasons, ...cut].join(', ')
  return words === '' ? '0' : `${total} (${words})`
}
