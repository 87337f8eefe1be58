import type * as Files from 'node:fs/promises'

type Call = (...args: never[]) => unknown

/** What happens to calls to the file system, counted from 0 since the last `start`. */
export interface FailingFiles {
  /**
   * Counts anew. @param at Of the first call that fails. @param how A program that ends makes no call after it either.
   */
  start(at: number, how: 'killed' | 'full'): void
  /** Lets every call through again, and says how many there were. */
  stop(): number
}

const changing = ['mkdir', 'rename', 'rm', 'write', 'writeFile', 'sync', 'close']

/** Node's file system, whose changing calls can be made to fail: for `vi.mock('node:fs/promises')`. */
export function failingFiles(real: typeof Files): { readonly module: typeof Files; readonly control: FailingFiles } {
  let [calls, at, how] = [0, Infinity, 'killed' as 'killed' | 'full']
  const wrap =
    (call: Call, name: string, self: unknown): Call =>
    async (...args) => {
      const index = calls++
      const isFailing = how === 'killed' ? index >= at : index === at
      if (!isFailing) return call.apply(self, args)
      if (name === 'write') await half(call, self, args)
      // A handle that nobody will close any more is the system's to close.
      if (name === 'close') await call.apply(self, args)
      const code = how === 'killed' ? 'EIO' : 'ENOSPC'
      throw Object.assign(new Error(`${code}: ${how} at call ${index}, ${name}`), { code })
    }
  const wrapAll = (object: object): object =>
    new Proxy(object, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function' || typeof key !== 'string') return value
        if (key === 'open')
          return wrap(async (...args: never[]) => wrapAll((await value.apply(target, args)) as object), key, target)
        return changing.includes(key) ? wrap(value as Call, key, target) : (value as Call).bind(target)
      },
    })
  const module = { ...real }
  for (const name of ['open', ...changing]) {
    if (name in real) Object.assign(module, { [name]: Reflect.get(wrapAll(real), name) as unknown })
  }
  return {
    module,
    control: {
      start(first, mode) {
        ;[calls, at, how] = [0, first, mode]
      },
      stop() {
        at = Infinity
        return calls
      },
    },
  }
}

async function half(write: Call, self: unknown, args: never[]): Promise<void> {
  const [bytes, offset = 0, length = bytes.length] = args as unknown as [Uint8Array, number?, number?]
  await write.apply(self, [bytes, offset, Math.floor(length / 2)] as never[])
}
