import { pythonFloat } from '../../core/python/float.ts'

/**
 * json.dumps(value, indent=2, sort_keys=True). @param floats Keys whose numbers, or numbers by name, are floats to
 * Python also where they are whole.
 */
export function pythonJson(value: unknown, floats: ReadonlySet<string>, indent = '', isFloat = false): string {
  if (typeof value === 'number') return Number.isInteger(value) && !isFloat ? String(value) : pythonFloat(value)
  if (typeof value === 'string') return pythonString(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const deeper = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => pythonJson(item, floats, deeper))
    : Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
        .map(([key, item]) => `${pythonString(key)}: ${pythonJson(item, floats, deeper, isFloat || floats.has(key))}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return items.length === 0 ? `${open}${close}` : `${open}\n${deeper}${items.join(`,\n${deeper}`)}\n${indent}${close}`
}

/** A JSON string in ASCII, as Python writes it. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
