import { unlockSimd } from '#platform'
import { check } from '../../core/errors.ts'
import { hashText } from '../../core/hash.ts'

/** A module that is valid where relaxed SIMD is: one function, `f32x4.relaxed_madd(0, 0, 0)`. */
const relaxedProbe = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 20, 1, 18, 0],
  ...[65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 26, 11],
)

/** How the modules import their memory: kind memory, named env.memory, with flags for "has a maximum, is shared". */
const sharedMemoryImport = [3, ...bytesOf('env'), 6, ...bytesOf('memory'), 2, 3]

/**
 * How the kernels are compiled. `simd`: plain SIMD. `relaxed`: with relaxed SIMD, whose multiply-adds round once.
 * `wide`: relaxed, with tiles of matrix products that V8's revectoriser turns into 256-bit instructions, and that are
 * slow without it. Results differ between the builds in the last bits; those of one build are the same on every run.
 */
export type CpuBuild = 'simd' | 'relaxed' | 'wide'

/** The builds in base64, each of which is loaded where it is used. */
const modules: Readonly<Record<CpuBuild, () => Promise<{ readonly wasm: string }>>> = {
  simd: () => import('./wasm-simd.generated.ts'),
  relaxed: () => import('./wasm-relaxed.generated.ts'),
  wide: () => import('./wasm-wide.generated.ts'),
}

/** Tells the kernels of a build from those of other versions. */
export async function kernelsHash(build: CpuBuild): Promise<string> {
  const { wasm } = await modules[build]()
  return hashText(wasm)
}

/** The builds that this JavaScript engine can run. Switches on relaxed SIMD where Node has it behind a flag. */
export function cpuBuilds(): readonly CpuBuild[] {
  unlockSimd('relaxed')
  return WebAssembly.validate(relaxedProbe) ? ['simd', 'relaxed', 'wide'] : ['simd']
}

/** The build that is taken where none is asked for. */
export function defaultCpuBuild(): CpuBuild {
  return cpuBuilds().includes('relaxed') ? 'relaxed' : 'simd'
}

/** Sets V8's flags that a build needs, for the whole process, and gives those that were set. */
export function flagsFor(build: CpuBuild): readonly string[] {
  if (build === 'simd') return []
  const needed = build === 'wide' ? (['relaxed', 'wide'] as const) : (['relaxed'] as const)
  return needed.map(unlockSimd).filter((flag) => flag !== null)
}

/**
 * Compiles the kernels for a memory that is shared between threads or is not.
 * @throws MedAwareError `unsupported` when there is no SIMD at all.
 */
export async function compileKernels(build: CpuBuild, shared: boolean): Promise<WebAssembly.Module> {
  flagsFor(build)
  const { wasm } = await modules[build]()
  const bytes = Uint8Array.from(bytesOf(atob(wasm)))
  // Modules for memories of one thread would differ in this bit alone.
  if (!shared) bytes[flagsOf(bytes)] = 1
  check(WebAssembly.validate(bytes), 'unsupported', () => 'cpu: this engine has no WebAssembly SIMD; use a newer one')
  return WebAssembly.compile(bytes)
}

/** Where the flags of the memory's import stand in a module. */
function flagsOf(bytes: Uint8Array): number {
  const { length } = sharedMemoryImport
  const at = bytes.findIndex((_, i) => sharedMemoryImport.every((byte, j) => bytes[i + j] === byte))
  return at + length - 1
}

function bytesOf(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0))
}
