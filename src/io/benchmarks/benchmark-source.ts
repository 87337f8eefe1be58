import type { Row } from '../../data/dataset.ts'
import type { Question } from '../../evaluate/question.ts'

/** Where questions come from, and what they are known by. */
export interface BenchmarkSource {
  /**
   * Of the file, below a host of raw files; and of the one that says which of its rows are meant, where it has more.
   */
  readonly path: string
  readonly chosenBy?: string
  /** Whether the rows are meant that `chosenBy` does not name. Default false. */
  readonly isOfOthers?: boolean
  /** What a row of the file is as a question. */
  readonly question: (row: Row, index: number) => Question
  readonly rows: number
  /** SHA-256 of the questions as `digestOf` writes them. */
  readonly sha256: string
}

/** The files of a benchmark. */
export interface BenchmarkFiles {
  readonly questions: BenchmarkSource
  /** What may be shown solved. */
  readonly examples?: BenchmarkSource
}
