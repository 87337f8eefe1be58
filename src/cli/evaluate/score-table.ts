import { alignedTable } from '../../evaluate/scores/aligned-table.ts'
import { interval, percent, withError } from '../../evaluate/scores/show-proportion.ts'
import type { EvaluationReport, GroupReport } from '../../evaluate/scores/report.ts'

const heads = ['task', 'n', 'acc', '95 %', 'acc_norm', 'macro-F1', 'constant', 'chance', 'people']

/** Scores in per cent, each beside what it is to be held against. */
export function scoreTable(reports: readonly EvaluationReport[], all: GroupReport | null): string {
  const rows = reports.map(({ task, n, acc, accNorm, macroF1, baselines }) => {
    const { constant, chance, humans } = baselines
    return [
      ...[task, String(n), withError(acc), interval(acc), withError(accNorm)],
      ...[macroF1 === null ? '' : percent(macroF1), `${percent(constant.acc)} (${constant.answer})`, percent(chance)],
      humans.map((human) => percent(human.acc)).join(' / '),
    ]
  })
  if (all !== null) {
    const { group, n, acc, accNorm, constant, chance } = all
    rows.push([
      ...[group, String(n), withError(acc), interval(acc), withError(accNorm)],
      ...['', percent(constant), percent(chance), ''],
    ])
  }
  const shots = reports[0]?.numFewshot ?? 0
  const legend = `acc in % ± standard error, ${shots} solved examples; 95 %: Wilson's interval; constant: the best single answer to all`
  return `${alignedTable(heads, rows)}${legend}\n`
}
