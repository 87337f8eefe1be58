import { readFileSync } from 'node:fs'
import type { CpuBuild } from '../src/device/cpu.ts'

interface Compiler {
  readonly main: (options: readonly string[], files: object) => Promise<{ readonly error: Error | null }>
}
// By a name that TypeScript does not follow: assemblyscript's types give every array of the program methods it lacks.
const compiler: string = 'assemblyscript/asc'

const steps = 4_000_000

/** Floating-point operations of one call of what `peakLoop` returns. */
export const peakOperations = steps * 96

/** Compiles `peak.as.ts`: the multiply-adds of one thread when nothing is loaded or stored. */
export async function peakLoop(build: CpuBuild): Promise<() => void> {
  const source = readFileSync(new URL('peak.as.ts', import.meta.url), 'utf8')
  const { main } = (await import(compiler)) as Compiler
  let binary = new Uint8Array()
  const features = ['--enable', 'simd', ...(build !== 'simd' ? ['--enable', 'relaxed-simd'] : [])]
  const { error } = await main(['peak.ts', '--runtime', 'stub', '-O3', ...features, '--outFile', 'peak.wasm'], {
    readFile: (name: string) => (name === 'peak.ts' ? source : null),
    writeFile: (_name: string, contents: unknown) => {
      binary = Uint8Array.from(contents as Uint8Array)
    },
    listFiles: () => [],
  })
  if (error) throw error
  const { instance } = await WebAssembly.instantiate(binary)
  const peak = instance.exports['peak'] as (steps: number, factor: number, term: number) => number
  return () => {
    peak(steps, 0.999, 0.001)
  }
}
