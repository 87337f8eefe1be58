import type { wgsl } from './wgsl.generated.ts'
import type { wgsl as softwareWgsl } from './wgsl-software.generated.ts'

/** Names of the WGSL texts: every kernel's twin, and others that do a kernel's work in another way. */
export type WgslText = keyof typeof wgsl | keyof typeof softwareWgsl

/** Sources by name. */
export type Texts = { readonly [name in WgslText]?: string }

/** Loads the texts that an adapter's programs are made of: those for software adapters do not travel to hardware. */
export async function loadTexts(isSoftware: boolean): Promise<Texts> {
  const forAll = import('./wgsl.generated.ts')
  if (!isSoftware) return (await forAll).wgsl
  const [all, software] = await Promise.all([forAll, import('./wgsl-software.generated.ts')])
  return { ...all.wgsl, ...software.wgsl }
}
