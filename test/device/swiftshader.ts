import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { unpackChromium } from './unpack-chromium.ts'

/**
 * Unpacks SwiftShader, a Vulkan driver in software, and returns the folder to put on LD_LIBRARY_PATH before Node
 * starts: there it is called libvulkan.so.1, so that Dawn takes it for the Vulkan loader.
 */
export function prepareSwiftshader(): string {
  return unpackChromium('swiftshader.tar.br', 'swiftshader', (folder) => {
    renameSync(join(folder, 'libvk_swiftshader.so'), join(folder, 'libvulkan.so.1'))
  })
}
