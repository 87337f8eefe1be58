/** What went wrong with the data, as a word the recipe can branch on. */
export type DataErrorCode =
  | 'not-found' // no such file or folder, or nothing to read in it
  | 'format' // a file that is broken or not MedQuAD's
  | 'config' // an option that makes no sense
  | 'network' // no connection, or the server would not serve
  | 'truncated' // a download that stopped early
  | 'digest' // a whole download whose content is not MedQuAD's

/** The data's one error, in the library's grammar: who, which rule, the values, the remedy. */
export class DataError extends Error {
  override readonly name = 'DataError'

  constructor(
    readonly code: DataErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** The message of whatever was thrown. */
export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
