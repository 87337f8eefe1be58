import { check } from '../../core/errors.ts'
import { isJsonObject, parseJson } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { Row } from '../../data/dataset.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import type { RowFile } from './row-file.ts'
import { textPieces } from './text-pieces.ts'

/** Characters of a line. */
const longestLine = 64 * 1024 * 1024
/** Bytes of a list, which is read whole. */
const largestList = 256 * 1024 * 1024

/** JSON Lines: an object a line, empty lines aside. A file that begins with `[` is a list of objects, read whole. */
export const jsonFile: RowFile = {
  countRows: async () => null,
  async *rows(source) {
    for await (const [text, where] of texts(source)) {
      const value = parseJson(where, text)
      if (!Array.isArray(value)) yield rowOf(where, value)
      else for (const [i, item] of value.entries()) yield rowOf(`${source.name}: item ${i}`, item)
    }
  },
}

function rowOf(where: string, value: unknown): Row {
  check(isJsonObject(value), 'format', () => `${where}: must be an object of columns, got ${show(value)}`)
  return value
}

/** The texts of JSON in a file, each with the words for its place: lines, or the whole of a list. */
async function* texts(source: ByteSource): AsyncGenerator<[text: string, where: string]> {
  const { name, byteLength } = source
  /** What is read of the line that has not ended yet. */
  let held: string[] = []
  let [characters, line, isList, isBegun] = [0, 1, false, false]
  for await (const piece of textPieces(source)) {
    if (!isBegun && piece.trimStart().startsWith('[')) {
      isList = true
      check(byteLength <= largestList, 'format', () => {
        return `${name}: a list of ${byteLength} bytes, and at most ${largestList} are read at once; write it as JSON Lines`
      })
    }
    isBegun ||= piece.trim() !== ''
    const lines = isList ? [piece] : piece.split('\n')
    for (const [i, part] of lines.entries()) {
      held.push(part)
      characters += part.length
      check(isList || characters <= longestLine, 'format', () => {
        return `${name}: line ${line}: has over ${longestLine} characters; a row has its own line`
      })
      if (i === lines.length - 1) continue
      const text = held.join('')
      if (text.trim() !== '') yield [text, `${name}: line ${line}`]
      held = []
      characters = 0
      line++
    }
  }
  const text = held.join('')
  if (text.trim() !== '') yield [text, isList ? name : `${name}: line ${line}`]
}
