import { check, MedAwareError } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { BufferOwner, DeviceBuffer } from './buffer.ts'

/** How a device makes and destroys its buffers. */
export interface MemoryDriver {
  create(byteLength: number, label: string): DeviceBuffer
  destroy(buffer: DeviceBuffer): void
}

/**
 * Accounts for every byte a device holds. JavaScript frees no device memory, so each buffer belongs to the innermost
 * scope open when it was made, and goes when that scope closes, unless it was kept or released before.
 */
export class Memory {
  #liveBytes = 0
  #peakBytes = 0
  #liveBuffers = 0
  /** Owns what belongs to nobody; never closed. */
  readonly #root = new Scope(this, null)
  readonly #open: Scope[] = []
  /** What the innermost `allOrNothing` has made so far. */
  #made: Set<DeviceBuffer> | null = null
  readonly #driver: MemoryDriver

  constructor(driver: MemoryDriver) {
    this.#driver = driver
  }

  /** Bytes in live buffers now. */
  get liveBytes(): number {
    return this.#liveBytes
  }

  /** The most `liveBytes` has been since the start or the last `resetPeak`. */
  get peakBytes(): number {
    return this.#peakBytes
  }

  /** Number of live buffers. */
  get liveBuffers(): number {
    return this.#liveBuffers
  }

  /** Starts a new measurement of `peakBytes`. */
  resetPeak(): void {
    this.#peakBytes = this.#liveBytes
  }

  /**
   * Makes a buffer that belongs to the innermost open scope, or to nobody. @throws MedAwareError `memory`, `shape` for
   * no size.
   */
  allocate(byteLength: number, label: string): DeviceBuffer {
    check(Number.isSafeInteger(byteLength) && byteLength >= 0, 'shape', () => {
      return `${label}: a buffer has a whole number of bytes from 0, not ${show(byteLength)}`
    })
    const buffer = this.#driver.create(byteLength, label)
    const owner = this.#open.at(-1) ?? this.#root
    buffer.owner = owner
    owner.buffers.add(buffer)
    this.#liveBuffers++
    this.#liveBytes += byteLength
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes)
    this.#made?.add(buffer)
    return buffer
  }

  /** Frees a buffer before its scope closes; freeing one twice does nothing. */
  release(buffer: DeviceBuffer): void {
    const { owner } = buffer
    if (owner?.memory !== this) return
    owner.buffers.delete(buffer)
    buffer.owner = null
    this.#made?.delete(buffer)
    this.#liveBuffers--
    this.#liveBytes -= buffer.byteLength
    this.#driver.destroy(buffer)
  }

  /** Whether the buffer has not been freed. */
  isLive(buffer: DeviceBuffer): boolean {
    return buffer.owner?.memory === this
  }

  /** Opens a scope; the caller closes it. Prefer `scoped`, which cannot forget. */
  open(): Scope {
    const scope = new Scope(this, this.#open.at(-1) ?? this.#root)
    this.#open.push(scope)
    return scope
  }

  /**
   * Runs `work` in a scope of its own and frees all it allocated but what it kept, also when it throws.
   * @throws MedAwareError `config` where it gives a promise: the scope closes when `work` returns.
   */
  scoped<T>(work: (scope: Scope) => T): T {
    const scope = this.open()
    try {
      return doneAtOnce('scoped', work(scope))
    } finally {
      scope.close()
    }
  }

  /** Runs `work` outside all scopes: what it allocates belongs to nobody and lives until it is released. */
  rooted<T>(work: () => T): T {
    const held = this.#open.splice(0)
    try {
      return doneAtOnce('rooted', work())
    } finally {
      this.#open.unshift(...held)
    }
  }

  /** Runs `work`; where it throws, all that it allocated is freed, whoever it belongs to. */
  allOrNothing<T>(work: () => T): T {
    const outer = this.#made
    const made = new Set<DeviceBuffer>()
    this.#made = made
    try {
      return doneAtOnce('allOrNothing', work())
    } catch (error) {
      for (const buffer of made) this.release(buffer)
      throw error
    } finally {
      this.#made = outer
      // What is left of them is part of what the outer one made.
      for (const buffer of made) outer?.add(buffer)
    }
  }

  /** Called by a scope: hands a buffer to another owner. */
  move(buffer: DeviceBuffer, from: Scope, to: Scope): void {
    check(buffer.owner === from, 'device', () => `scope: cannot keep ${buffer.label}, it is not in this scope`)
    from.buffers.delete(buffer)
    to.buffers.add(buffer)
    buffer.owner = to
  }

  /** Called by a scope when it closes. */
  forget(scope: Scope): void {
    const at = this.#open.indexOf(scope)
    if (at >= 0) this.#open.splice(at, 1)
  }
}

/**
 * Gives what work gave, unless that is a promise: what holds only while the work runs must not be thought to hold
 * beyond.
 */
export function doneAtOnce<T>(who: string, result: T): T {
  if (typeof result !== 'object' || result === null || !('then' in result) || typeof result.then !== 'function')
    return result
  // Nobody will hear of it any more.
  Promise.resolve(result).catch(() => undefined)
  throw new MedAwareError(
    'config',
    `${who}: its work must be done when it returns, this gave a promise; await outside of it`,
  )
}

/** Owns the buffers allocated while it is the innermost open scope. */
export class Scope implements BufferOwner {
  /** The buffers it owns now. */
  readonly buffers = new Set<DeviceBuffer>()
  readonly memory: Memory
  readonly #parent: Scope | null

  /** @param parent Gets what is let out; null: nothing can be. */
  constructor(memory: Memory, parent: Scope | null) {
    this.memory = memory
    this.#parent = parent
  }

  /**
   * Lets a value out: it now belongs to the enclosing scope, or to nobody. Values of outer scopes stay where they are.
   */
  keep<T extends { readonly buffer: DeviceBuffer }>(value: T): T {
    if (this.#parent !== null && this.buffers.has(value.buffer)) this.memory.move(value.buffer, this, this.#parent)
    return value
  }

  /** Frees what is left in it. */
  close(): void {
    this.memory.forget(this)
    for (const buffer of [...this.buffers]) this.memory.release(buffer)
  }
}
