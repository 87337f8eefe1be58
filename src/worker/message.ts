import type { ErrorCode } from '../core/errors.ts'

/** An error as a message. */
export type ErrorMessage =
  /** One that the receiver sent before: it is to have its own again. */
  | { readonly yours: number }
  | {
      /** Under which the sender knows it again. */
      readonly mine: number
      readonly name: string
      readonly message: string
      readonly stack: string | undefined
      /** Of a MedAwareError. */
      readonly code: ErrorCode | undefined
      readonly isDom: boolean
      readonly cause: ErrorMessage | undefined
    }
  /** What was thrown, and is no error. */
  | { readonly thrown: unknown }

/** Where in a value something stands: names of properties and places in lists, from without. */
export type Path = readonly (string | number)[]

/** What has no form in a message, and how the receiver makes it again. */
export type Mark = { readonly path: Path } & (
  | { readonly kind: 'signal'; readonly id: number; readonly aborted: ErrorMessage | null }
  /** `isTold`: nobody waits for what it gives. */
  | { readonly kind: 'function'; readonly id: number; readonly isTold: boolean }
  /** `open` is a function's id. `isOnce`: it does not begin again. */
  | {
      readonly kind: 'iterable'
      readonly open: number
      readonly isOnce: boolean
      readonly name: string | null
      readonly length: number | null
    }
  | { readonly kind: 'url'; readonly address: string }
  | { readonly kind: 'file'; readonly name: string; readonly lastModified: number }
  | { readonly kind: 'error'; readonly error: ErrorMessage }
)

/** A value, without what has no form in a message, and what that was. */
export interface Packed {
  readonly value: unknown
  readonly marks: readonly Mark[]
}

/** All that two threads say to each other. */
export type WireMessage =
  /** Calls a function; `id` is the call's, null where nobody waits. */
  | { readonly kind: 'call'; readonly id: number | null; readonly target: number; readonly args: Packed }
  | { readonly kind: 'result'; readonly id: number; readonly value: Packed }
  | { readonly kind: 'failure'; readonly id: number; readonly error: ErrorMessage }
  | { readonly kind: 'abort'; readonly signal: number; readonly reason: ErrorMessage }
  /** These callbacks throw this when they are told of something again, since one of them has thrown it. */
  | { readonly kind: 'fault'; readonly ids: readonly number[]; readonly error: ErrorMessage }
  /** These signals are aborted no more, and these callbacks throw no more. */
  | { readonly kind: 'forget'; readonly ids: readonly number[] }
