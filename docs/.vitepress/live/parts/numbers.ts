import { Random } from 'peft-medaware'

/** More numbers than a page works on at once. */
export const mostNumbers = 1 << 20

/** Weights as a trained layer's nearly are: normal, of a standard deviation. */
export function normalWeights(count: number, seed: number, deviation = 0.02): Float32Array {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.normal() * deviation)
}

/** A matrix that a reader gave, by rows. */
export interface GivenMatrix {
  readonly values: Float32Array<ArrayBuffer>
  readonly rows: number
  readonly columns: number
}

/**
 * Reads numbers in lines, parted by commas, semicolons, tabs or spaces. Throws an `Error` that names the line for what
 * is no number, for lines of several lengths and for none or too many numbers.
 */
export function readMatrix(text: string): GivenMatrix {
  const lines = text.split(/\r?\n/).flatMap((line, i) => {
    const cells = line.trim().split(/\s*[,;]\s*|\s+/)
    return line.trim() === ''
      ? []
      : [{ number: i + 1, cells: cells.filter((cell, at) => cell !== '' || at < cells.length - 1) }]
  })
  const columns = lines[0]?.cells.length ?? 0
  if (columns === 0) throw new Error('There is no number. Paste some, such as 0.1, -0.2, 0.05')
  if (lines.length * columns > mostNumbers) throw new Error(`More than ${mostNumbers.toLocaleString('en-US')} numbers`)
  const values = lines.flatMap(({ number, cells }) => {
    if (cells.length !== columns)
      throw new Error(`Line ${number} has ${cells.length} numbers, the first has ${columns}`)
    return cells.map((cell) => {
      const value = Math.fround(Number(cell))
      if (cell === '' || !Number.isFinite(value)) throw new Error(`Line ${number}: "${cell}" is no number of 32 bits`)
      return value
    })
  })
  return { values: Float32Array.from(values), rows: lines.length, columns }
}
