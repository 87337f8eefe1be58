import type { Interval, Proportion } from 'peft-medaware'
import type { ArmFigures } from './describe-simulation.ts'

/** What the arms are called. */
export const armNames: Readonly<Record<string, string>> = {
  none: 'no replay',
  medquad: 'MedQuAD replayed',
  replay: 'MedQuAD and earlier corrections replayed',
}

/** What is said of an arm. */
export const figureNames = {
  learntLikelier: 'new answer likelier than the old',
  learntSaid: 'greedy answer says the new value',
  learnt: 'learnt: both',
  forgotten: 'forgotten, of unchanged facts known before',
  forgottenStored: 'of these, in the store',
  forgottenElsewhere: 'of these, in no store',
} as const

/** Figures as a table of Markdown, a column for each arm. */
export function simulationTable(figures: Readonly<Record<string, ArmFigures>>): string {
  const columns = Object.entries(figures)
  const cell = (figure: Interval | Proportion | null, signed: boolean) => {
    if (figure === null) return 'none'
    const words = (value: number | null) => {
      return value === null ? '?' : `${signed && value >= 0 ? '+' : ''}${value.toFixed(3)}`
    }
    return `${words(figure.value)} (${words(figure.low)} to ${words(figure.high)})`
  }
  const row = (name: string, cells: readonly string[]) => `| ${[name, ...cells].join(' | ')} |`
  return [
    row(
      'figure',
      columns.map(([arm]) => armNames[arm] ?? arm),
    ),
    row(
      '---',
      columns.map(() => '---'),
    ),
    row(
      'runs',
      columns.map(([, arm]) => String(arm.runs)),
    ),
    ...(Object.keys(figureNames) as (keyof typeof figureNames)[]).map((key) => {
      return row(
        figureNames[key],
        columns.map(([, arm]) => cell(arm[key], false)),
      )
    }),
    row(
      'held-out loss, change',
      columns.map(([, arm]) => cell(arm.heldOutChange, true)),
    ),
    row(
      'guard loss, change',
      columns.map(([, arm]) => cell(arm.guardChange, true)),
    ),
    row(
      'let through by the gate',
      columns.map(([, arm]) => `${arm.kept} of ${arm.runs}`),
    ),
  ].join('\n')
}
