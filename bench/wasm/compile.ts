import { existsSync, readFileSync } from 'node:fs'
import { forAsc } from '../../kernels/for-asc.ts'
import type { CpuBuild } from '../../src/device/cpu/cpu-device.ts'
import { flagsFor } from '../../src/device/cpu/module.ts'

interface Compiler {
  readonly main: (options: readonly string[], files: object) => Promise<{ readonly error: Error | null }>
}
// By a name that TypeScript does not follow: assemblyscript's types give every array of the program methods it lacks.
const compiler: string = 'assemblyscript/asc'
const root = new URL('../../', import.meta.url)
const modules = new Map<string, Promise<WebAssembly.Module>>()

/**
 * Compiles `<name>.as.ts` of this folder, and what it imports of kernels/, as the kernels of `build` are, but over a
 * memory of its own. Sets V8's flags that the build needs.
 */
export function compileFor(build: CpuBuild, name: string): Promise<WebAssembly.Module> {
  const key = `${name} ${build}`
  const module = modules.get(key) ?? compile(build, name)
  modules.set(key, module)
  return module
}

async function compile(build: CpuBuild, name: string): Promise<WebAssembly.Module> {
  flagsFor(build)
  const { main } = (await import(compiler)) as Compiler
  let binary = new Uint8Array()
  let said = ''
  const features = ['--enable', 'simd', ...(build === 'simd' ? [] : ['--enable', 'relaxed-simd'])]
  const options = ['--runtime', 'stub', '--noAssert', '-O3', '--disableWarning', '112', ...features]
  const wide = ['--use', `WIDE=${build === 'wide' ? 1 : 0}`]
  const { error } = await main([`bench/wasm/${name}.ts`, ...options, ...wide, '--outFile', `${name}.wasm`], {
    readFile: (path: string) => {
      const file = new URL(path.replace(/\.ts$/, '.as.ts'), root)
      return existsSync(file) ? forAsc(readFileSync(file, 'utf8')) : null
    },
    writeFile: (_path: string, contents: unknown) => {
      binary = Uint8Array.from(contents as Uint8Array)
    },
    listFiles: () => [],
    stderr: {
      write: (text: unknown) => {
        said += String(text)
      },
    },
  })
  if (error) throw new Error(`asc refuses ${name}.as.ts\n${said}`)
  return WebAssembly.compile(binary)
}
