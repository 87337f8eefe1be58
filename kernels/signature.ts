import type { KernelRow } from '../src/device/register/kernel-row.ts'

/** What a CPU twin takes by its row: an address per binding, the parameters, and the range of its share. */
function signatureOf({ reads, writes, params }: Pick<KernelRow, 'reads' | 'writes' | 'params'>): readonly string[] {
  return [
    ...[...reads, ...writes].map((name) => `${name}: usize`),
    ...Object.entries(params).map(([name, type]) => `${name}: ${type}`),
    'begin: u32',
    'end: u32',
  ]
}

/**
 * How a CPU twin's text differs from its row, in a sentence; null where it does not. Nothing else would tell:
 * WebAssembly fills in zeros for what it is not given, and takes an f32 for a u32.
 */
export function differenceOf(
  name: string,
  row: Pick<KernelRow, 'reads' | 'writes' | 'params'>,
  text: string | undefined,
): string | null {
  if (text === undefined) return `${name} has a row and no CPU twin; write kernels/<family>/<${name}>.as.ts`
  const found = new RegExp(`^export function ${name}\\(([^)]*)\\)`, 'm').exec(text)?.[1]
  if (found === undefined) return `${name}: its CPU twin exports no function ${name}`
  const taken = found
    .split(',')
    .map((one) => one.trim().replace(/^_/, ''))
    .filter((one) => one !== '')
  const wanted = signatureOf(row)
  const at = wanted.findIndex((one, i) => one !== taken[i])
  if (at < 0 && taken.length === wanted.length) return null
  const place = at < 0 ? wanted.length : at
  return (
    `${name}: number ${place + 1} that its CPU twin takes is ${taken[place] ?? 'missing'}, its row says ` +
    `${wanted[place] ?? 'nothing'}; the order is reads, writes, params, begin, end`
  )
}
