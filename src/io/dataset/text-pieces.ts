import { MedAwareError } from '../../core/errors.ts'
import type { ByteSource } from '../../safetensors/source.ts'

/** Bytes that are read at a time. */
const pieceBytes = 1024 * 1024

/**
 * The UTF-8 text of a file, piece by piece and never half a character; a byte order mark is left out.
 * @throws MedAwareError `format` for other bytes.
 */
export async function* textPieces(source: ByteSource): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (let at = 0; at < source.byteLength; at += pieceBytes) {
    const end = Math.min(at + pieceBytes, source.byteLength)
    const bytes = await source.read(at, end)
    const text = decode(source.name, at, () => decoder.decode(bytes, { stream: end < source.byteLength }))
    if (text !== '') yield text
  }
}

function decode(name: string, at: number, call: () => string): string {
  try {
    return call()
  } catch (cause) {
    throw new MedAwareError('format', `${name}: not valid UTF-8 in the ${pieceBytes} bytes from byte ${at} on`, {
      cause,
    })
  }
}
