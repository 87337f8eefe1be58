import type { LogHistory, TrainerCallback } from '../trainer-callback.ts'
import { LogFile } from './log-file.ts'
import { evaluationRecord, type LogFormat, type LogRecord, recordsOf, stepRecord, type Untimed } from './log-format.ts'

/** Milliseconds between two writings: a page copies the whole file for each. */
const interval = 1000

/** Each kind of log, loaded where a run asks for it. */
const formats = {
  jsonl: async (): Promise<LogFormat> => (await import('./json-lines.ts')).jsonLines,
  csv: async (): Promise<LogFormat> => (await import('./csv.ts')).csv(),
  tensorboard: async (): Promise<LogFormat> => (await import('./tensorboard.ts')).tensorboard,
} as const

/** A kind of log. */
export type LogName = keyof typeof formats

/** The kinds of logs that there are. */
export const logNames = Object.keys(formats) as LogName[]

/**
 * Keeps logs of a training in its store. They begin with what a checkpoint has reported, so that none holds a step
 * twice, or a torn line, after a program that ended anywhere. @param onWarning Told once of a log that cannot be
 * written.
 */
export function runLogs(names: readonly LogName[], onWarning: (message: string) => void): TrainerCallback {
  let files: readonly LogFile[] = []
  // When each record was reported, which the history does not say.
  let times: number[] = []
  // Those that are in no file yet.
  let added: LogRecord[] = []
  let last = -Infinity

  const write = async (history: LogHistory, some = files): Promise<void> => {
    const all = () => recordsOf(history).map((record, i) => ({ ...record, time: times[i] ?? Date.now() }))
    for (const file of some) await file.bring(added, all)
    added = []
    last = Date.now()
  }
  const add = (record: Untimed): void => {
    const time = Date.now()
    times.push(time)
    added.push({ ...record, time })
  }

  return {
    name: 'logs',
    async onTrainBegin({ store, history }) {
      if (store === null) return
      const there = await store.list()
      const open = async (name: LogName) => {
        const format = await formats[name]()
        return new LogFile(store, format, format.fileName(there), onWarning)
      }
      files = await Promise.all(names.map(open))
      const now = Date.now()
      times = recordsOf(history).map((_, i) => times[i] ?? now)
      await write(history)
      last = -Infinity
    },
    async onStepEnd(report, { history }) {
      add(stepRecord(report))
      // What could not be written is tried again at the next evaluation or checkpoint, not at each step.
      if (Date.now() - last < interval) return
      await write(
        history,
        files.filter(({ isWhole }) => isWhole),
      )
    },
    async onEvaluate(entry, { history }) {
      add(evaluationRecord(entry))
      await write(history)
    },
    onSave: (_, { history }) => write(history),
    onTrainEnd: ({ history }) => write(history),
    state: () => ({ times }),
    restore: ({ times: saved }) => {
      times = Array.isArray(saved) ? saved.map((time) => (Number.isFinite(time) ? Number(time) : Date.now())) : []
    },
  }
}
