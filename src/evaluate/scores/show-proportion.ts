import type { Proportion } from './proportion.ts'

/** A share in per cent. */
export function percent(share: number): string {
  return (100 * share).toFixed(1)
}

/** A share in per cent with its standard error. */
export function withError({ value, stderr }: Proportion): string {
  return stderr === null ? percent(value) : `${percent(value)} ± ${percent(stderr)}`
}

/** Between what a share lies, in per cent. */
export function interval({ low, high }: Pick<Proportion, 'low' | 'high'>): string {
  return `${percent(low)} to ${percent(high)}`
}
