/** A table as data: what stands in it is a text or a number, and a number is printed as the reader expects it. */
export interface Table {
  readonly caption: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** A picture, with a sentence for those who cannot see it. */
export interface Picture {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly svg: string
}

/** A part of the report, from which the page and the Markdown are made. */
export interface Section {
  readonly title: string
  readonly paragraphs: readonly string[]
  readonly pictures?: readonly Picture[]
  readonly tables?: readonly Table[]
}

/** What the report is, said before it begins. */
export const lead =
  'This counts what is in the data that a model is trained on, what is missing, and what is there twice. A program ' +
  'counted it: nobody has judged whether an answer is right, and nothing here is medical advice.'

/** Which columns of a table are of numbers alone, shares among them, and so stand at the right; not what names rows. */
export function numberColumns({ columns, rows }: Table): boolean[] {
  const isNumber = (value: string | number | undefined) =>
    typeof value === 'number' || /^-?[\d.,]+%?$/.test(value ?? '')
  return columns.map((_, i) => i > 0 && rows.length > 0 && rows.every((row) => isNumber(row[i])))
}

/** 1,234; 0.75 where a number is not whole. */
export function cell(value: string | number): string {
  if (typeof value === 'string') return value
  return value.toLocaleString('en-US', { maximumFractionDigits: Number.isInteger(value) ? 0 : 2 })
}

/** 12.3%. */
export function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)}%`
}
