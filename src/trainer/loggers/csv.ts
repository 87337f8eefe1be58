import type { LogFormat, LogRecord } from './log-format.ts'

/** `log.csv` (RFC 4180): a row a step and a row an evaluation; a column that a row says nothing of is empty. */
export function csv(): LogFormat {
  let columns: ReadonlySet<string> = new Set()
  return {
    fileName: () => 'log.csv',
    whole(records) {
      columns = columnsOf(records)
      const head = ['step', 'time', ...columns].join(',')
      return [head, ...records.map((record) => row(record, columns)), ''].join('\r\n')
    },
    added(records) {
      // The first evaluation brings columns of its own, which the rows before have too.
      if ([...columnsOf(records)].some((name) => !columns.has(name))) return null
      return records.map((record) => `${row(record, columns)}\r\n`).join('')
    },
  }
}

function columnsOf(records: readonly LogRecord[]): Set<string> {
  return new Set(records.flatMap(({ figures }) => Object.keys(figures)))
}

function row({ step, time, figures }: LogRecord, columns: Iterable<string>): string {
  return [step, new Date(time).toISOString(), ...Array.from(columns, (name) => figures[name] ?? '')].join(',')
}
