import type { GgufFields } from './gguf-fields.ts'

/** What a row of the architectures may ask of a file. */
export interface GgufFacts {
  readonly fields: GgufFields
  /** Of the metadata, by the key behind the architecture's name. */
  readonly number: (key: string) => number | undefined
  /** Whether there is a tensor of this name. */
  readonly has: (name: string) => boolean
}
