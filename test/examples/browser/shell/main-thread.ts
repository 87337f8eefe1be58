/** A frame, and its process: by a name of the trace where that is only about to start. */
interface Shown {
  readonly url: string
  readonly processId: number
  readonly processPseudoId: string
}

/** An event of a trace, as Chromium writes it: times in microseconds, `tdur` those that the thread had a processor. */
interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  readonly tdur?: number
  readonly args?: {
    readonly name?: string
    readonly data?: Partial<Shown> & {
      readonly frames?: readonly Shown[]
      readonly functionName?: string
      readonly type?: string
    }
  }
}

export const traceCategories = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'v8']

/** A task of a page's main thread. */
export interface Task {
  /** Of a processor. Time in which others had it, as on a machine that is shared, does not count. */
  readonly milliseconds: number
  /** What it spent them on, the longest first. */
  readonly parts: string
}

/** The tasks of the main thread of the process that showed `origin`, the longest first. */
export function mainThreadTasks(trace: Uint8Array, origin: string): Task[] {
  const { traceEvents } = JSON.parse(new TextDecoder().decode(trace)) as { traceEvents: readonly TraceEvent[] }
  const started = new Map(
    traceEvents
      .filter(({ name }) => name === 'ProcessReadyInBrowser')
      .map(({ args }) => [args?.data?.processPseudoId, args?.data?.processId]),
  )
  const shown = new Set(
    traceEvents
      .flatMap(({ args }) => [args?.data, ...(args?.data?.frames ?? [])])
      .filter((at) => at?.url?.startsWith(origin) === true)
      .map((at) => at?.processId ?? started.get(at?.processPseudoId)),
  )
  const threads = new Set(
    traceEvents
      .filter(({ name, pid, args }) => name === 'thread_name' && args?.name === 'CrRendererMain' && shown.has(pid))
      .map(threadOf),
  )
  const events = traceEvents.filter((event) => event.tdur !== undefined && threads.has(threadOf(event)))
  return events
    .filter(({ name }) => name === 'RunTask')
    .map((task) => ({ milliseconds: (task.tdur ?? 0) / 1000, parts: partsOf(task, events) }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
}

const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`

function partsOf(task: TraceEvent, events: readonly TraceEvent[]): string {
  return events
    .filter(
      ({ pid, tid, ts }) => pid === task.pid && tid === task.tid && ts > task.ts && ts < task.ts + (task.dur ?? 0),
    )
    .sort((a, b) => (b.tdur ?? 0) - (a.tdur ?? 0))
    .slice(0, 6)
    .map(({ name, tdur = 0, args }) => {
      const { functionName = '', type = '', url = '' } = args?.data ?? {}
      return [name, functionName || type, url.split('/').at(-1), `${(tdur / 1000).toFixed(0)} ms`].join(' ')
    })
    .join('; ')
}
