import type { JsonObject } from '../../core/json.ts'

/** A field as PEFT's files spell it. AdaLoRA's deltaT is the one that they spell as we do. */
export function snakeCase(field: string): string {
  return field === 'deltaT' ? field : field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Fields by the names of PEFT's files. */
export function bySnakeCase(fields: object): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [snakeCase(field), value]))
}
