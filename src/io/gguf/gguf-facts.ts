import type { GgufFields } from './gguf-fields.ts'

/** What a row of the architectures may ask of a file. */
export interface GgufFacts {
  readonly fields: GgufFields
  /** The key of the metadata, with the architecture's name before it. */
  readonly key: (name: string) => string
  /** A number of the metadata, by the same name. */
  readonly number: (name: string) => number | undefined
  /** Whether there is a tensor of this name. */
  readonly has: (name: string) => boolean
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly headDim: number
}
