import { delimiter } from 'node:path'
import { prepareSwiftshader } from './swiftshader.ts'

/**
 * What the environment of a process must hold, before it starts, for Dawn to find an adapter in it: SwiftShader on
 * Linux, unless VK_ICD_FILENAMES names another Vulkan driver; nothing elsewhere, where the system brings its own.
 */
export function gpuEnvironment(): Record<string, string> {
  if (process.platform !== 'linux' || process.env['VK_ICD_FILENAMES'] !== undefined) return {}
  const paths = [prepareSwiftshader(), process.env['LD_LIBRARY_PATH']].filter(
    (path) => path !== undefined && path !== '',
  )
  return { LD_LIBRARY_PATH: paths.join(delimiter) }
}
