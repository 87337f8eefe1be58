import { alignedTable } from '../../evaluate/scores/aligned-table.ts'
import type { Interval } from '../../evaluate/bootstrap.ts'
import type { TextComparison } from '../texts/compare-texts.ts'
import { spendingCells, spendingHeads } from './spending-cells.ts'

/** What contenders wrote as plain text: figures with intervals, what went wrong, tokens, cost and time; and each pair. */
export function textTable({ n, scores, pairs }: TextComparison): string {
  const heads = ['contender', 'ROUGE-1', 'ROUGE-2', 'ROUGE-L', 'words', 'repeated', 'flagged', 'flags']
  const rows = scores.map(({ contender, words, ...score }) => [
    ...[contender, ...[score.rouge1, score.rouge2, score.rougeL].map((each) => cell(each)), cell(words, 1)],
    ...[score.repeated4, score.flagged, score.flags].map((each) => cell(each)),
    ...[score.empty, score.refused, score.cutOff].map(String),
    ...spendingCells(score.spending),
  ])
  const pairRows = pairs.map(({ first, second, rougeL, flagged }) => {
    return [`${first}, ${second}`, cell(rougeL), cell(flagged)]
  })
  return [
    `${n} questions\n\n`,
    alignedTable([...heads, 'empty', 'refused', 'cut off', ...spendingHeads], rows),
    'flagged: share of the answers with a dose, number, name or directive that the source has not; flags: of an answer\n',
    ...(pairRows.length > 0 ? [`\n${alignedTable(['pair: second less first', 'ROUGE-L', 'flagged'], pairRows)}`] : []),
    'Intervals: 95 % by bootstrap over groups. Overlap with a reference is no measure of truth.\n',
  ].join('')
}

function cell({ value, low, high }: Interval, places = 3): string {
  const range = low === null || high === null ? '' : ` (${low.toFixed(places)} to ${high.toFixed(places)})`
  return `${value.toFixed(places)}${range}`
}
