import type { LogFormat, LogRecord } from './log-format.ts'

/** `log.csv` (RFC 4180): a row a step and a row an evaluation; a column that a row says nothing of is empty. */
export const csv: LogFormat = {
  fileName: () => 'log.csv',
  whole(records) {
    const columns = columnsOf(records)
    return [['step', 'time', ...columns].join(','), ...records.map((record) => row(record, columns)), ''].join('\r\n')
  },
  added(records, from) {
    const columns = columnsOf(records)
    // The first evaluation brings columns of its own, which the rows before have too.
    if (columns.length > columnsOf(records.slice(0, from)).length) return null
    return records
      .slice(from)
      .map((record) => `${row(record, columns)}\r\n`)
      .join('')
  },
}

function columnsOf(records: readonly LogRecord[]): readonly string[] {
  const columns = new Set<string>()
  for (const { figures } of records) for (const name of Object.keys(figures)) columns.add(name)
  return [...columns]
}

function row({ step, time, figures }: LogRecord, columns: readonly string[]): string {
  return [step, new Date(time).toISOString(), ...columns.map((name) => figures[name] ?? '')].join(',')
}
