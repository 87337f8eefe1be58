import { type ModelKind, type NumberRow, type SettingRow, settingRows } from './setting-rows.ts'
import type { Settings } from './settings.ts'

/** What the person has set; the rest follows from it, the model and the table. */
export type ChosenSettings = Partial<Settings>

/** All settings: those that are chosen, and defaults. */
export function settingsOf(chosen: ChosenSettings, model: ModelKind): Settings {
  // A default looks at the rows before its own alone.
  return settingRows.reduce(
    (settings, row) => ({ ...settings, [row.name]: chosen[row.name] ?? row.defaultOf(settings, model) }),
    {} as Settings,
  )
}

/** The value that a field's text stands for, or what is wrong with it in a sentence. */
export function readValue(row: SettingRow, text: string): { value: number | string } | { problem: string } {
  if ('choices' in row) {
    return Object.hasOwn(row.choices, text) ? { value: text } : { problem: 'Choose one of the list.' }
  }
  const value = text.trim() === '' ? NaN : Number(text)
  return isAllowed(row, value) ? { value } : { problem: `Give ${expected(row)}.` }
}

function isAllowed({ from, to, isWhole }: NumberRow, value: number): boolean {
  return value >= from && value <= to && (!isWhole || Number.isInteger(value))
}

const expected = ({ from, to, isWhole }: NumberRow): string =>
  `a ${isWhole ? 'whole ' : ''}number from ${from} to ${to.toLocaleString('en-US')}`

/** Of what is stored; another one is of another page. */
const version = 1

/** What is chosen, to be kept by the browser. */
export function storedText(chosen: ChosenSettings): string {
  return JSON.stringify({ version, chosen })
}

/** What was stored; what is odd about it, such as a value out of its limits, is as if it had not been chosen. */
export function readStored(text: string | null): ChosenSettings {
  const stored = parsed(text)
  if (!isObject(stored) || stored['version'] !== version || !isObject(stored['chosen'])) return {}
  const { chosen } = stored
  const good = settingRows.flatMap((row) => {
    const value = Object.hasOwn(chosen, row.name) ? chosen[row.name] : undefined
    const isKind = typeof value === ('choices' in row ? 'string' : 'number')
    return isKind && 'value' in readValue(row, String(value)) ? [[row.name, value] as const] : []
  })
  return Object.fromEntries(good)
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
