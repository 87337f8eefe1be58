import { MedAwareError, messageOf } from '../core/errors.ts'
import type { ThreadPort } from '../platform/thread.ts'
import { ErrorsAcross } from './errors-across.ts'
import type { WireMessage } from './message.ts'
import { type Keeper, pack } from './pack.ts'
import { type Maker, unpack } from './unpack.ts'

type Call = (...args: never[]) => unknown
interface Open {
  readonly kept: Kept
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Things of this thread that the other one calls and hears of, until they are let go of. */
export class Kept implements Keeper {
  readonly #ids: number[] = []
  readonly #unwatch = new Map<number, () => void>()
  readonly #atEnd = new Set<() => void>()
  #fault: { readonly error: unknown } | null = null

  constructor(
    readonly errors: ErrorsAcross,
    private readonly calls: Map<number, { readonly call: Call; readonly kept: Kept }>,
    private readonly post: (message: WireMessage) => void,
    private readonly nextId: () => number,
  ) {}

  keep(call: Call): number {
    const id = this.nextId()
    this.calls.set(id, { call, kept: this })
    this.#ids.push(id)
    return id
  }

  drop(id: number): void {
    this.calls.delete(id)
  }

  /** What a callback that nobody waits for has thrown. */
  get fault(): { readonly error: unknown } | null {
    return this.#fault
  }

  /** Ends what is under way: the other thread's callbacks throw the same when they are called again. */
  fail(error: unknown): void {
    if (this.#fault !== null) return
    this.#fault = { error }
    const packed = this.errors.pack(error)
    this.post({ kind: 'fault', ids: [...this.#ids], error: packed })
    for (const signal of this.#unwatch.keys()) this.post({ kind: 'abort', signal, reason: packed })
  }

  watch(signal: AbortSignal): number {
    const id = this.nextId()
    const tell = () => this.post({ kind: 'abort', signal: id, reason: this.errors.pack(signal.reason) })
    signal.addEventListener('abort', tell, { once: true })
    this.#unwatch.set(id, () => signal.removeEventListener('abort', tell))
    return id
  }

  atEnd(work: () => void): () => void {
    this.#atEnd.add(work)
    return () => void this.#atEnd.delete(work)
  }

  /** Lets go of all of it. */
  release(): void {
    for (const work of this.#atEnd) work()
    this.#atEnd.clear()
    const ids = [...this.#unwatch.keys(), ...(this.#fault === null ? [] : this.#ids)]
    if (ids.length > 0) this.post({ kind: 'forget', ids })
    for (const id of this.#ids.splice(0)) this.drop(id)
    for (const unwatch of this.#unwatch.values()) unwatch()
    this.#unwatch.clear()
  }
}

/** One end of the line between a page and its worker. Both ends are alike: each calls functions that the other has. */
export class Wire {
  readonly #errors = new ErrorsAcross()
  readonly #calls = new Map<number, { readonly call: Call; readonly kept: Kept }>()
  readonly #open = new Map<number, Open>()
  readonly #signals = new Map<number, AbortController>()
  readonly #faults = new Map<number, { readonly error: unknown }>()
  readonly #port: ThreadPort
  readonly #onBusy: (isBusy: boolean) => void
  #next = 1
  #closed: { readonly error: unknown } | null = null
  readonly #maker: Maker = {
    errors: this.#errors,
    ask: (id, args) => this.ask('the worker', id, args, this.kept()),
    tell: (id, args) => this.#tell(id, args),
    signal: (id) => {
      const controller = new AbortController()
      this.#signals.set(id, controller)
      return controller
    },
  }

  /**
   * @param onBusy Told when a first call waits for its answer, and when none does any more.
   * @param serve What the other end calls as function 0.
   */
  constructor(port: ThreadPort, onBusy: (isBusy: boolean) => void = () => {}, serve: Call | null = null) {
    this.#port = port
    this.#onBusy = onBusy
    if (serve !== null) this.#calls.set(0, { call: serve, kept: this.kept() })
    // Only the two ends write on this line.
    port.listen((message) => this.#hear(message as WireMessage))
  }

  /** A place for what a call takes along. */
  kept(): Kept {
    return new Kept(
      this.#errors,
      this.#calls,
      (message) => this.#post(message),
      () => this.#next++,
    )
  }

  /**
   * Calls a function of the other end.
   * @param who Begins the sentence of a refusal. @param kept Holds what the arguments take along.
   * @throws what it throws there; MedAwareError `unsupported` for what no message can hold; what the line was closed
   * with.
   */
  ask(who: string, target: number, args: readonly unknown[], kept: Kept): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) throw this.#closed.error
      const packed = pack(who, args, kept)
      const id = this.#next++
      if (this.#open.size === 0) this.#onBusy(true)
      this.#open.set(id, { kept, resolve, reject })
      try {
        this.#port.post({ kind: 'call', id, target, args: packed } satisfies WireMessage)
      } catch (cause) {
        this.#settle(id)
        throw new MedAwareError('unsupported', `${who}: an argument cannot go to a worker: ${messageOf(cause)}`, {
          cause,
        })
      }
    })
  }

  /** Nothing more is heard or said: every open call fails, now and from here on. */
  close(error: unknown): void {
    this.#closed ??= { error }
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const { reject } of open) reject(this.#closed.error)
    if (open.length > 0) this.#onBusy(false)
  }

  #tell(target: number, args: readonly unknown[]): void {
    const fault = this.#faults.get(target)
    if (fault !== undefined) throw fault.error
    this.#post({ kind: 'call', id: null, target, args: pack('the worker', args, this.kept()) })
  }

  #post(message: WireMessage): void {
    if (this.#closed === null) this.#port.post(message)
  }

  #settle(id: number): Open | undefined {
    const open = this.#open.get(id)
    if (this.#open.delete(id) && this.#open.size === 0) this.#onBusy(false)
    return open
  }

  #hear(message: WireMessage): void {
    switch (message.kind) {
      case 'call':
        void this.#answer(message)
        break
      case 'result':
      case 'failure':
        this.#finish(message)
        break
      case 'abort':
        this.#signals.get(message.signal)?.abort(this.#errors.unpack(message.reason))
        break
      case 'forget':
        for (const id of message.ids) {
          this.#signals.delete(id)
          this.#faults.delete(id)
        }
        break
      case 'fault': {
        const error = this.#errors.unpack(message.error)
        for (const id of message.ids) this.#faults.set(id, { error })
        break
      }
    }
  }

  #finish(message: Extract<WireMessage, { kind: 'result' | 'failure' }>): void {
    const open = this.#settle(message.id)
    const fault = open?.kept.fault ?? null
    if (fault !== null) open?.reject(fault.error)
    else if (message.kind === 'failure') open?.reject(this.#errors.unpack(message.error))
    else open?.resolve(unpack(message.value, this.#maker))
  }

  async #answer({ id, target, args }: Extract<WireMessage, { kind: 'call' }>): Promise<void> {
    const served = this.#calls.get(target)
    try {
      // What was let go of is told of no more.
      if (served === undefined && id === null) return
      if (served === undefined) throw new MedAwareError('config', 'peft-medaware/worker: this is over and cannot go on')
      // Before anything is waited for: a signal must be there when the next message aborts it.
      const given = unpack(args, this.#maker) as never[]
      const value = await served.call(...given)
      if (id !== null) this.#post({ kind: 'result', id, value: pack('the worker', value, this.kept()) })
    } catch (error) {
      if (id === null) served?.kept.fail(error)
      else this.#post({ kind: 'failure', id, error: this.#errors.pack(error) })
    }
  }
}
