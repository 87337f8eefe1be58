import type { adapterCalls } from './calls/adapter-calls.ts'
import type { HeldAdapter, HeldModel, HeldRun } from './calls/held.ts'
import type { modelCalls } from './calls/model-calls.ts'
import type { runCalls } from './calls/run-calls.ts'
import type { HeldDevice, threadCalls, workerCalls } from './calls/worker-calls.ts'
import type { Kept, Wire } from './wire.ts'

/** A table of calls, as the worker has it: each on something that is held there. */
type Calls = Readonly<Record<string, (on: never, ...args: never[]) => unknown>>

/** Handles on what stays in the worker, by the kinds of it. */
interface Handles {
  readonly device: HeldDevice
  readonly model: HeldModel
  readonly adapter: HeldAdapter
  readonly run: HeldRun
}

/** What a call gives here: an iterator, a handle, or just its value; 'end' disposes of what it is asked of. */
type KindOf<R> = R extends AsyncGenerator
  ? 'stream'
  : Awaited<R> extends Handles[keyof Handles]
    ? { [K in keyof Handles]: Awaited<R> extends Handles[K] ? K : never }[keyof Handles]
    : undefined extends Awaited<R>
      ? 'value' | 'end'
      : 'value'

/** A row for each call of a table: the compiler sees to it that none is missing, or says what it does not give. */
export type Kinds<C extends Calls> = { readonly [K in keyof C]: KindOf<ReturnType<C[K]>> }

type Given<R> =
  R extends AsyncGenerator<infer T>
    ? AsyncGenerator<T, void, undefined>
    : Awaited<R> extends Handles[keyof Handles]
      ? Promise<Handle>
      : Promise<Awaited<R>>

/** The calls of a table as the page has them. */
export type Remote<C extends Calls> = {
  readonly [K in keyof C]: C[K] extends (on: never, ...args: infer A) => infer R ? (...args: A) => Given<R> : never
}

/** A handle as it comes: its number, some facts, and what the call that gave it has taken along. */
export interface Handle {
  readonly id: number
  readonly facts: object
  readonly kept: Kept
}

export const threadKinds: Kinds<typeof threadCalls> = { openDevice: 'device' }

export const workerKinds: Kinds<typeof workerCalls> = {
  loadModel: 'model',
  inspectModel: 'value',
  planMemory: 'value',
  cachedModels: 'value',
  deleteCachedModel: 'value',
  memory: 'value',
  dispose: 'end',
  resetPeak: 'value',
}

export const modelKinds: Kinds<typeof modelCalls> = {
  generateText: 'stream',
  completeText: 'value',
  generateTokens: 'stream',
  encode: 'value',
  decode: 'value',
  applyChatTemplate: 'value',
  prepareExamples: 'value',
  evaluateLoss: 'value',
  attachAdapter: 'adapter',
  attachLora: 'adapter',
  openAdapter: 'adapter',
  activeAdapters: 'value',
  setAdapter: 'value',
  mergeAdapter: 'value',
  unmergeAdapter: 'value',
  mergeAndUnload: 'value',
  countParameters: 'value',
  saveModel: 'value',
  modelFiles: 'value',
  streamModelFiles: 'stream',
  modelGguf: 'value',
  streamModelGguf: 'stream',
  saveModelGguf: 'value',
  train: 'value',
  trainDpo: 'value',
  trainingRun: 'run',
  dispose: 'end',
}

export const adapterKinds: Kinds<typeof adapterCalls> = {
  adapterFiles: 'value',
  saveAdapter: 'value',
  adapterGguf: 'value',
  saveAdapterGguf: 'value',
  setEnabled: 'value',
  setRequiresGrad: 'value',
  detach: 'end',
}

export const runKinds: Kinds<typeof runCalls> = {
  train: 'stream',
  checkpointFiles: 'value',
  trainingCard: 'value',
  saveRun: 'value',
  restoreRun: 'value',
  dispose: 'end',
}

/**
 * The calls on what the worker holds under a number.
 * @param target null for the worker itself. @param kept What lives as long as the handle.
 */
export function remote<C extends Calls>(
  wire: Wire,
  target: number | null,
  kinds: Kinds<C>,
  kept: Kept | null = null,
): Remote<C> {
  const ask = (name: string, args: readonly unknown[], along: Kept) => wire.ask(name, 0, [target, name, ...args], along)
  const value = async (name: string, args: readonly unknown[], isEnd: boolean) => {
    const along = wire.kept()
    try {
      const given = await ask(name, args, along)
      if (isEnd) kept?.release()
      return given
    } finally {
      along.release()
    }
  }
  const handle = async (name: string, args: readonly unknown[]): Promise<Handle> => {
    const along = wire.kept()
    try {
      const { handle: id, facts } = (await ask(name, args, along)) as {
        readonly handle: number
        readonly facts: object
      }
      return { id, facts, kept: along }
    } catch (error) {
      along.release()
      throw error
    }
  }
  const stream = async function* (name: string, args: readonly unknown[]) {
    const along = wire.kept()
    try {
      yield* (await ask(name, args, along)) as AsyncGenerator
    } finally {
      along.release()
    }
  }
  const calls = Object.entries<string>(kinds).map(([name, kind]) => {
    const call = (...args: unknown[]): unknown => {
      if (kind === 'stream') return stream(name, args)
      return kind === 'value' || kind === 'end' ? value(name, args, kind === 'end') : handle(name, args)
    }
    return [name, call] as const
  })
  // The table of kinds has just the names and the kinds of the calls.
  return Object.fromEntries(calls) as Remote<C>
}
