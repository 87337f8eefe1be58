import { type ErrorCode, MedAwareError, messageOf } from '../core/errors.ts'

/** What Node's codes mean where the file is there and the file system will not have it used. */
const refusals: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  EIO: 'the disk reports an error of its own',
  EMFILE: 'this program has too many files open',
  ENFILE: 'this machine has too many files open',
  ENAMETOOLONG: 'its name is too long',
  EISDIR: 'it is a folder, a file is needed',
  ENOTDIR: 'a part of its path is a file, a folder is needed',
  EEXIST: 'something of this name is in the way',
  ENOTEMPTY: 'a folder of this name is in the way',
  ELOOP: 'its links go in a circle',
  EBUSY: 'another program uses it',
  ETXTBSY: 'another program uses it',
}

/** A full disk, a spent quota, and the largest file that is allowed. */
const fullCodes: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** What the system said of a file, as our error: `not-found`, `disk`, or `memory` and `config` where it was neither. */
export function explain(who: string, path: string, cause: unknown): MedAwareError {
  if (cause instanceof MedAwareError) return cause
  const failed = (code: ErrorCode, message: string) => new MedAwareError(code, `${who}: ${message}`, { cause })
  const code = codeOf(cause)
  if (code === 'ENOENT') return failed('not-found', `there is no ${path}`)
  if (isFull(cause)) return failed('disk', `no room on the disk for ${path}; the file before it is untouched`)
  if (code === 'ENOMEM') return failed('memory', `no memory to use ${path} with`)
  if (code === 'ERR_INVALID_ARG_VALUE') return failed('config', `${JSON.stringify(path)} cannot be a path`)
  const known = typeof code === 'string' ? refusals[code] : undefined
  return failed('disk', `cannot use ${path}, ${known === undefined ? messageOf(cause) : `${known} (${String(code)})`}`)
}

/** Whether the system had no room left. */
export function isFull(cause: unknown): boolean {
  return fullCodes.includes(codeOf(cause))
}

/** Node's code of an error, such as ENOENT. */
export function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
