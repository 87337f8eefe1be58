import type { Row } from '../../data/dataset.ts'
import type { ByteSource } from '../../safetensors/source.ts'

/** How a kind of file is read. */
export interface RowFile {
  /** Number of rows; null where only reading them tells. @throws MedAwareError `format` for a torn file. */
  countRows(source: ByteSource): Promise<number | null>
  /** The rows, few of them in memory at a time. @throws MedAwareError `format`, naming the file and the line or row. */
  rows(source: ByteSource): AsyncGenerator<Row>
}
