import { MedAwareError } from '../core/errors.ts'
import type { OwnPort } from '../platform/thread.ts'
import { adapterCalls } from './calls/adapter-calls.ts'
import { Held, HeldAdapter, HeldModel, HeldRun } from './calls/held.ts'
import { modelCalls } from './calls/model-calls.ts'
import { runCalls } from './calls/run-calls.ts'
import { HeldDevice, threadCalls, workerCalls } from './calls/worker-calls.ts'
import { Wire } from './wire.ts'

/** What each of a kind can be asked, and by which of these it ends. */
const tables = [
  { kind: HeldDevice, calls: workerCalls, end: 'dispose' },
  { kind: HeldModel, calls: modelCalls, end: 'dispose' },
  { kind: HeldAdapter, calls: adapterCalls, end: 'detach' },
  { kind: HeldRun, calls: runCalls, end: 'dispose' },
] as const

/** Hears the calls that come by a port, does them, and keeps what they are about. */
export function serveCalls(port: OwnPort): void {
  const held = new Map<number, Held>()
  let next = 1

  /** Does a call on something that is held; null is the thread itself. */
  async function serve(target: number | null, name: string, ...args: unknown[]): Promise<unknown> {
    const on = target === null ? null : held.get(target)
    if (on === undefined) {
      throw new MedAwareError('config', `${name}: it has been disposed of; there is nothing to ask`)
    }
    const table = tables.find(({ kind }) => on instanceof kind)
    const calls = on === null ? threadCalls : table?.calls
    // The page's side has just the rows of these tables, whose types are one.
    const call = (calls as Readonly<Record<string, (on: unknown, ...args: unknown[]) => unknown>>)[name]
    if (call === undefined) throw new MedAwareError('config', `peft-medaware/worker: there is no call ${name}`)
    const given = await call(on, ...args)
    if (target !== null && name === table?.end) held.delete(target)
    if (on instanceof HeldDevice && name === table?.end) port.close()
    if (!(given instanceof Held)) return given
    held.set(next, given)
    return { handle: next++, facts: given.facts }
  }

  new Wire(port, undefined, serve)
}
