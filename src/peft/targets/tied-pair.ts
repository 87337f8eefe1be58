import { TiedHead } from '../../nn/language-head.ts'
import type { Module } from '../../nn/module.ts'
import { isAdapted } from '../layers/adapted-layer.ts'

/** Paths of two tables that are one. */
export interface TiedPair {
  readonly head: string
  readonly embeddings: string
}

/** The paths of a tied head and its embeddings, if the model has such. */
export function tiedPair(modules: readonly (readonly [path: string, module: Module])[]): TiedPair | null {
  for (const [head, module] of modules) {
    if (!(module instanceof TiedHead)) continue
    const stands = module.embeddings()
    const table: Module = isAdapted(stands) ? stands.base : stands
    const embeddings = modules.find(([, each]) => each === table)?.[0]
    if (embeddings !== undefined) return { head, embeddings }
  }
  return null
}
