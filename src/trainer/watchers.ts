import { type LogName, logNames, runLogs } from './loggers/run-logs.ts'
import { htmlReport } from './report/html-report.ts'
import { sampling, type SamplesOptions } from './report/samples.ts'
import type { TrainerCallback } from './trainer-callback.ts'

/** What a trainer keeps of a training, for people and their tools. */
export type ReportName = LogName | 'html'

/** All that there is of it. */
export const reportNames: readonly ReportName[] = [...logNames, 'html']

/** What watches a training. */
export interface WatcherOptions {
  readonly reportTo: readonly ReportName[]
  readonly samples: SamplesOptions | null
}

/** The callbacks that keep what `reportTo` says. */
export function watchersOf(
  { reportTo, samples }: WatcherOptions,
  signal: AbortSignal | undefined,
  onWarning: (message: string) => void,
): readonly TrainerCallback[] {
  const logs = logNames.filter((name) => reportTo.includes(name))
  const sampler = samples && sampling(samples, signal, onWarning)
  return [
    ...(logs.length === 0 ? [] : [runLogs(logs, onWarning)]),
    ...(sampler === null ? [] : [sampler]),
    ...(reportTo.includes('html') ? [htmlReport(() => sampler?.samples() ?? [], onWarning)] : []),
  ]
}
