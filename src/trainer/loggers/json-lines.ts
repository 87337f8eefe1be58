import type { LogFormat, LogRecord } from './log-format.ts'

/** `log.jsonl`: a JSON object a line, with the names of transformers' `log_history`. */
export const jsonLines: LogFormat = {
  fileName: () => 'log.jsonl',
  whole: (records) => records.map(line).join(''),
  added: (records) => records.map(line).join(''),
}

function line({ step, time, figures }: LogRecord): string {
  return `${JSON.stringify({ step, time: new Date(time).toISOString(), ...figures })}\n`
}
