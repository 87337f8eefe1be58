import { kernels, type KernelName } from '../../register/kernels.ts'
import type { KernelRow } from '../../register/kernel-row.ts'
import type { AdapterTraits, Variant } from './variant.ts'
import { variantsFor } from './variants.ts'

/**
 * The programs that can do a call: good guesses, the best first, then the kernel's twin, then what is no good guess.
 */
export type Candidates = (kernel: KernelName, params: Readonly<Record<string, number>>) => readonly Variant[]

/** A program's name: its text and the values of its constants, e.g. `matmulBroadcast ROWS=8 COLUMNS=1 LANES=8`. */
export function programName({ text, constants }: Pick<Variant, 'text' | 'constants'>): string {
  return [text, ...Object.entries(constants).map(([name, value]) => `${name}=${value}`)].join(' ')
}

/** A kernel's WGSL twin as a candidate: it takes every call. */
export function twinOf(kernel: KernelName): Variant {
  // A row without its names: the map of all kernels has a type per row, which no loop can use.
  const row: KernelRow = kernels[kernel]
  return { kernel, text: kernel, constants: row.constants, takes: () => true, groups: (params) => row.groups(params) }
}

/** Whether a program is its kernel's own, which takes every call. */
export function isTwin(program: Variant): boolean {
  return program.text === program.kernel && program.constants === kernels[program.kernel].constants
}

/** Every program that may do work on an adapter, kernel by kernel, each in the order of preference. */
export function programsFor(traits: AdapterTraits): ReadonlyMap<KernelName, readonly Variant[]> {
  const variants = variantsFor(traits)
  const names = Object.keys(kernels) as KernelName[]
  return new Map(names.map((name) => [name, [...variants.filter(({ kernel }) => kernel === name), twinOf(name)]]))
}

/** What can do a call on an adapter. It depends on nothing but the call's parameters. */
export function candidatesFor(traits: AdapterTraits): Candidates {
  const programs = programsFor(traits)
  return (kernel, params) => {
    const able = (programs.get(kernel) ?? []).filter((program) => program.takes(params))
    const suits = (program: Variant) => program.suits?.(params) ?? true
    return [...able.filter(suits), ...able.filter((program) => !suits(program))]
  }
}
