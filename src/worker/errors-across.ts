import { MedAwareError } from '../core/errors.ts'
import type { ErrorMessage } from './message.ts'

/** Errors of the language, by name. */
const builtIn: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/**
 * Errors as messages. One that comes back to the thread it came from is the same object there, so that who aborts with
 * a reason, or throws in a callback, catches just that.
 */
export class ErrorsAcross {
  readonly #mine = new Map<number, WeakRef<object>>()
  readonly #theirs = new WeakMap<object, number>()
  #next = 1

  pack(error: unknown): ErrorMessage {
    if (!(error instanceof Error)) return { thrown: asPlain(error) }
    const theirs = this.#theirs.get(error)
    if (theirs !== undefined) return { yours: theirs }
    const mine = this.#next++
    this.#mine.set(mine, new WeakRef(error))
    const { name, message, stack, cause } = error
    return {
      ...{ mine, name, message, stack },
      code: error instanceof MedAwareError ? error.code : undefined,
      isDom: error instanceof DOMException,
      cause: cause === undefined ? undefined : this.pack(cause),
    }
  }

  unpack(packed: ErrorMessage): unknown {
    if ('thrown' in packed) return packed.thrown
    // One that nobody holds any more is nobody's to know again.
    if ('yours' in packed) return this.#mine.get(packed.yours)?.deref() ?? new Error('an error of this thread')
    const error = this.#made(packed)
    this.#theirs.set(error, packed.mine)
    return error
  }

  #made({ name, message, stack, code, isDom, cause }: Extract<ErrorMessage, { mine: number }>): Error {
    if (isDom) return new DOMException(message, name)
    const options = cause === undefined ? {} : { cause: this.unpack(cause) }
    const Kind = builtIn[name] ?? Error
    const error = code === undefined ? new Kind(message, options) : new MedAwareError(code, message, options)
    if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
    Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
    return error
  }
}

/** What was thrown, as far as a message can hold it. */
function asPlain(thrown: unknown): unknown {
  try {
    return structuredClone(thrown)
  } catch {
    return String(thrown)
  }
}
