import { type ErrorCode, MedAwareError } from './errors.ts'

/** What the platform's errors about files a user chose come to. */
const refusals: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  NotFoundError: ['not-found', 'it is no longer there; choose it again'],
  NotReadableError: [
    'disk',
    'it cannot be read: it changed after it was chosen, or permission is missing; choose it again',
  ],
  NotAllowedError: ['disk', 'permission to read it was taken back; choose it again'],
  SecurityError: ['disk', 'the browser does not let this page read it'],
  QuotaExceededError: ['disk', 'there is no room for it in what the browser lets this page keep'],
}

/** What a platform said of a Blob, a File or a handle, as our error; what is of another kind stays as it is. */
export function explainBlob(name: string, cause: unknown): unknown {
  const [code, words] = (cause instanceof DOMException && refusals[cause.name]) || []
  return code === undefined ? cause : new MedAwareError(code, `${name}: ${words}`, { cause })
}
