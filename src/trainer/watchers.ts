import { type LogName, logNames, runLogs } from './loggers/run-logs.ts'
import { htmlReport } from './report/html-report.ts'
import { type Sampler, sampling, type SamplesOptions } from './report/samples.ts'
import type { TrainerCallback } from './trainer-callback.ts'

/** What a trainer keeps of a training, for people and their tools. */
export type ReportName = LogName | 'html'

/** All that there is of it. */
export const reportNames: readonly ReportName[] = [...logNames, 'html']

/** What is to watch a training. */
export interface WatcherOptions {
  readonly reportTo: readonly ReportName[]
  readonly samples: SamplesOptions | null
}

/** What watches a training. */
export interface Watchers {
  /** They keep what `reportTo` says. */
  readonly callbacks: readonly TrainerCallback[]
  readonly sampler: Sampler | null
}

/** The watchers that options ask for. */
export function watchersOf(
  { reportTo, samples }: WatcherOptions,
  signal: AbortSignal | undefined,
  onWarning: (message: string) => void,
): Watchers {
  const logs = logNames.filter((name) => reportTo.includes(name))
  const sampler = samples && sampling(samples, signal, onWarning)
  const callbacks = [
    ...(logs.length === 0 ? [] : [runLogs(logs, onWarning)]),
    ...(sampler === null ? [] : [sampler.callback]),
    ...(reportTo.includes('html') ? [htmlReport(() => sampler?.samples() ?? [], samples?.note ?? '', onWarning)] : []),
  ]
  return { callbacks, sampler }
}
