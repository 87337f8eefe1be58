import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { MedAwareError, messageOf } from '../../core/errors.ts'
import { shorten } from '../../core/show.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import type { RowFile } from './row-file.ts'

/** Parquet, a row group at a time. */
export const parquetFile: RowFile = {
  async countRows(source) {
    return Number((await metadataOf(source)).num_rows)
  },
  async *rows(source) {
    const { parquetReadObjects } = await import('hyparquet')
    const metadata = await metadataOf(source)
    const file = bufferOf(source)
    let rowStart = 0
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows)
      const where = `${source.name}: rows ${rowStart} to ${rowEnd - 1}`
      yield* await explained(where, () => parquetReadObjects({ file, metadata, rowStart, rowEnd }))
      rowStart = rowEnd
    }
  },
}

async function metadataOf(source: ByteSource): Promise<FileMetaData> {
  const { parquetMetadataAsync } = await import('hyparquet')
  return explained(source.name, () => parquetMetadataAsync(bufferOf(source)))
}

function bufferOf(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.byteLength,
    async slice(begin, end = source.byteLength) {
      const place = (at: number) => (at < 0 ? source.byteLength + at : at)
      const bytes = await source.read(place(begin), place(end))
      // hyparquet wants memory of its own that holds nothing else.
      return Uint8Array.from(bytes).buffer
    },
  }
}

/** @throws MedAwareError `format` for whatever hyparquet throws, which is the cause. */
async function explained<T>(where: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    if (cause instanceof MedAwareError && cause.code !== 'format') throw cause
    const reason = shorten(messageOf(cause), 200)
    throw new MedAwareError('format', `${where}: not readable as Parquet, ${reason}`, { cause })
  }
}
