import { check, MedAwareError } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { ErrorsAcross } from './errors-across.ts'
import type { Mark, Packed, Path } from './message.ts'

/** Keeps what the other thread calls and hears of, for as long as a call or what it gave lasts. */
export interface Keeper {
  readonly errors: ErrorsAcross
  /** @returns The id under which the other thread calls it. */
  keep(call: (...args: never[]) => unknown): number
  drop(id: number): void
  /** Does something when all of it is let go of. @returns What takes that back. */
  atEnd(work: () => void): () => void
  /** Tells the other thread when it is aborted. @returns The id under which it hears of it. */
  watch(signal: AbortSignal): number
}

/** A function that the other thread calls and waits for, wherever it stands. */
export class Awaited {
  constructor(readonly call: (...args: never[]) => unknown) {}
}

/** What is told of something: nobody waits for what it gives. */
const telling = /^on[A-Z]/

/**
 * Makes a message of a value: what structured cloning copies stays; signals, `on…` callbacks, iterables, addresses and
 * errors are marked, for the other thread to make again.
 * @param who Begins an error's sentence.
 * @throws MedAwareError `unsupported` for another function, or an object of a class that no message can hold, by its
 * name.
 */
export function pack(who: string, value: unknown, keeper: Keeper): Packed {
  const marks: Mark[] = []
  return { value: walk(value, []), marks }

  function walk(given: unknown, path: Path): unknown {
    if (typeof given === 'function') {
      const isTold = telling.test(String(path.at(-1)))
      if (!isTold) throw refusal(who, path, given)
      return mark({ path, kind: 'function', id: keeper.keep(given as (...args: never[]) => unknown), isTold })
    }
    if (typeof given === 'symbol') throw refusal(who, path, given)
    if (typeof given !== 'object' || given === null) return given
    if (ArrayBuffer.isView(given)) return trimmed(given)
    if (Array.isArray(given)) {
      const list: readonly unknown[] = given
      return list.every(isPrimitive)
        ? list
        : list.map((item, i) => (isPrimitive(item) ? item : walk(item, [...path, i])))
    }
    if (given instanceof Awaited) return mark({ path, kind: 'function', id: keeper.keep(given.call), isTold: false })
    if (given instanceof Error) return mark({ path, kind: 'error', error: keeper.errors.pack(given) })
    if (given instanceof AbortSignal) {
      const aborted = given.aborted ? keeper.errors.pack(given.reason) : null
      return mark({ path, kind: 'signal', id: keeper.watch(given), aborted })
    }
    if (given instanceof URL) return mark({ path, kind: 'url', address: given.href })
    if (given instanceof File) {
      const { name, lastModified } = given
      mark({ path, kind: 'file', name, lastModified })
      return given
    }
    if (cloned.some((type) => given instanceof type)) return given
    if (isFileList(given)) return [...given].map((file, i) => walk(file, [...path, i]))
    if (Symbol.asyncIterator in given || Symbol.iterator in given) return mark(iterable(given as AnyIterable, path))
    if (!isPlain(given)) throw refusal(who, path, given)
    const entries = Object.entries(given)
    return Object.fromEntries(
      entries.map(([key, each]) => [key, isPrimitive(each) ? each : walk(each, [...path, key])]),
    )
  }

  function mark(made: Mark): null {
    marks.push(made)
    return null
  }

  function iterable(given: AnyIterable, path: Path): Mark {
    const { name, length } = given as { readonly name?: unknown; readonly length?: unknown }
    const isOnce = 'next' in given
    const open = keeper.keep(() => {
      if (isOnce) keeper.drop(open)
      return opened(given, keeper)
    })
    return {
      ...{ path, kind: 'iterable', isOnce, open },
      name: typeof name === 'string' ? name : null,
      length: typeof length === 'number' ? length : null,
    }
  }
}

type AnyIterable = Iterable<unknown> | AsyncIterable<unknown>

/** Generators that the other thread has used up. */
const begun = new WeakSet<object>()

/** An iterator that the other thread pulls at: one item for each call, so that it is never ahead of who reads. */
function opened(given: AnyIterable, keeper: Keeper) {
  check(!begun.has(given), 'config', () => {
    return 'the rows have been gone through before and do not come again; give a function that opens them, () => rows()'
  })
  // A generator is its own iterator; lists and datasets give a new one each time.
  if ('next' in given) begun.add(given)
  const items = Symbol.asyncIterator in given ? given[Symbol.asyncIterator]() : given[Symbol.iterator]()
  const kept: number[] = []
  // Who reads may have its answer, and let go of all, before it leaves the rows.
  const takeBack = keeper.atEnd(() => void Promise.resolve(items.return?.()).catch(() => {}))
  const end = () => {
    takeBack()
    for (const id of kept.splice(0)) keeper.drop(id)
  }
  const next = async () => {
    try {
      const result = await items.next()
      if (result.done === true) end()
      return { done: result.done === true, value: result.done === true ? undefined : result.value }
    } catch (error) {
      end()
      throw error
    }
  }
  const leave = async () => {
    end()
    await items.return?.()
  }
  kept.push(keeper.keep(next), keeper.keep(leave))
  return { next: kept[0], leave: kept[1] }
}

function isPrimitive(value: unknown): boolean {
  return value === null || !['object', 'function', 'symbol'].includes(typeof value)
}

/** The window alone: cloning would take along all that it looks into. */
function trimmed(view: ArrayBufferView): ArrayBufferView {
  const isWhole = view.byteLength === view.buffer.byteLength
  if (isWhole || view instanceof DataView || !('slice' in view)) return view
  return (view as Uint8Array).slice()
}

/** What structured cloning copies whole. */
const cloned = [
  ...[ArrayBuffer, Blob, Date, Map, RegExp, Set],
  ...(typeof SharedArrayBuffer === 'function' ? [SharedArrayBuffer] : []),
  ...(typeof FileSystemHandle === 'function' ? [FileSystemHandle] : []),
]

function isFileList(value: object): value is Iterable<File> {
  return typeof FileList === 'function' && value instanceof FileList
}

/** Whether it is an object of properties. Another page's Object.prototype is as good as ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function refusal(who: string, path: Path, given: unknown): MedAwareError {
  // The arguments stand behind what they are asked of and the call's name.
  const [first, ...inner] = path
  const within = inner.map((name) => (typeof name === 'number' ? `[${name}]` : `.${name}`)).join('')
  const at = within === '' ? `argument ${Number(first) - 1}` : within.replace(/^\./, '')
  const what = typeof given === 'function' ? 'a function' : show(given)
  return new MedAwareError(
    'unsupported',
    `${who}: ${at} is ${what}, which cannot go to a worker; plain data can, with files, paths, addresses, directory ` +
      'handles, AbortSignals and on… callbacks. What needs more is done without a worker',
  )
}
