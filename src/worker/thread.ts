/**
 * What a worker begins with. WebKit runs a worker's first file once more where another file imports from it, as those
 * that bundlers cut do. So nothing that others share stands here, and what is heard waits for the rest.
 */
import { ownPort } from '#thread'

const port = ownPort()
const early: unknown[] = []
let hear = (message: unknown): void => void early.push(message)
port.listen((message) => hear(message))

import('./serve-calls.ts').then(
  ({ serveCalls }) =>
    serveCalls({
      ...port,
      listen: (next) => {
        hear = next
        for (const message of early.splice(0)) next(message)
      },
    }),
  (error: unknown) =>
    // Thrown outside of a promise it reaches who has started the worker.
    setTimeout(() => {
      throw error instanceof Error ? error : new Error(String(error))
    }),
)
