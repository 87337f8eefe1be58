import type { ErrorsAcross } from './errors-across.ts'
import type { Mark, Packed } from './message.ts'

/** What the other thread's things are made again with. */
export interface Maker {
  readonly errors: ErrorsAcross
  /** Calls a function of the other thread, and waits. */
  ask(id: number, args: readonly unknown[]): Promise<unknown>
  /** Calls one and does not wait. */
  tell(id: number, args: readonly unknown[]): void
  /** A signal that the other thread's stands behind. */
  signal(id: number): AbortController
}

/** Makes the value again that the other thread packed. */
export function unpack({ value, marks }: Packed, maker: Maker): unknown {
  const root: Record<string, unknown> = { value }
  for (const mark of marks) {
    const path = ['value', ...mark.path]
    const last = String(path.pop())
    let holder = root
    // Paths are those of the value that stands here.
    for (const name of path) holder = holder[name] as Record<string, unknown>
    holder[last] = made(mark, holder[last], maker)
  }
  return root['value']
}

function made(mark: Mark, there: unknown, maker: Maker): unknown {
  switch (mark.kind) {
    case 'function': {
      const { id } = mark
      return mark.isTold ? (...args: unknown[]) => maker.tell(id, args) : (...args: unknown[]) => maker.ask(id, args)
    }
    case 'signal': {
      const controller = maker.signal(mark.id)
      if (mark.aborted !== null) controller.abort(maker.errors.unpack(mark.aborted))
      return controller.signal
    }
    case 'url':
      return new URL(mark.address)
    case 'file': {
      const { name, lastModified } = mark
      // Node's cloning makes a Blob of it.
      return there instanceof File ? there : new File([there as Blob], name, { lastModified })
    }
    case 'error':
      return maker.errors.unpack(mark.error)
    case 'iterable': {
      const open = () => pulled(mark.open, maker)
      if (mark.isOnce) return open()
      const { name, length } = mark
      return { ...(name !== null && { name, length }), [Symbol.asyncIterator]: open }
    }
  }
}

/** Goes through what the other thread has, an item at a time. */
async function* pulled(open: number, maker: Maker): AsyncGenerator {
  const { next, leave } = (await maker.ask(open, [])) as { readonly next: number; readonly leave: number }
  let isOver = false
  try {
    for (;;) {
      let result: { readonly done: boolean; readonly value: unknown }
      try {
        result = (await maker.ask(next, [])) as typeof result
      } catch (error) {
        isOver = true
        throw error
      }
      isOver = result.done
      if (isOver) return
      yield result.value
    }
  } finally {
    // It may be over there by now, where all of a call is let go of when it has its answer.
    if (!isOver) maker.tell(leave, [])
  }
}
