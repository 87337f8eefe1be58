import { shorten } from './show.ts'

/** What went wrong, as a stable word a program can branch on. */
export type ErrorCode =
  | 'shape' // shapes, sizes or dtypes that do not fit together
  | 'config' // an option or configuration value that makes no sense
  | 'format' // a file that is truncated, hostile or not what it says it is
  | 'not-found' // a file, module, tensor or key that is missing
  | 'unsupported' // well-formed, but not something this version can do
  | 'memory' // more memory asked for than there is
  | 'disk' // the file system refused: it is full, over its quota, read-only, broken, or permission is missing
  | 'device' // the device failed validation, was disposed or cannot be had
  | 'device-lost' // the device is gone with all that was on it; another one can go on from a snapshot
  | 'numeric' // NaN, infinity or an all-zero gradient where there must be none
  | 'network' // an address that does not answer, or refuses

/** Characters of a message: a name in a hostile file can be as long as the file. */
const longestMessage = 4000

/**
 * The one error of this library. Its message has one grammar: who, which rule, the values, and the remedy where
 * there is one, e.g. `matmul: inner sizes differ, a [3,5] vs b [4,2]`.
 */
export class MedAwareError extends Error {
  override readonly name = 'MedAwareError'

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(shorten(message, longestMessage), options)
  }
}

/** Throws a `MedAwareError` unless `condition` holds; the message is built only when it is needed. */
export function check(condition: boolean, code: ErrorCode, message: () => string): asserts condition {
  if (!condition) throw new MedAwareError(code, message())
}

/** What was thrown says, whatever it is. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
