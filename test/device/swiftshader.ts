import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'
import { extract } from 'tar'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Unpacks SwiftShader, a Vulkan driver in software, from `@sparticuz/chromium`, and returns the folder to put on
 * LD_LIBRARY_PATH before Node starts: there it is called libvulkan.so.1, so that Dawn takes it for the Vulkan loader.
 * It is done once; later calls find the folder.
 */
export function prepareSwiftshader(): string {
  const folder = join(root, 'node_modules/.cache/peft-medaware/swiftshader')
  if (existsSync(join(folder, 'libvulkan.so.1'))) return folder
  const packed = join(root, 'node_modules/@sparticuz/chromium/bin/swiftshader.tar.br')
  if (!existsSync(packed)) throw new Error(`swiftshader: ${packed} is missing; run npm ci`)
  mkdirSync(dirname(folder), { recursive: true })
  const beside = mkdtempSync(`${folder}-`)
  try {
    writeFileSync(join(beside, 'swiftshader.tar'), brotliDecompressSync(readFileSync(packed)))
    extract({ file: join(beside, 'swiftshader.tar'), cwd: beside, sync: true })
    copyFileSync(join(beside, 'libvk_swiftshader.so'), join(beside, 'libvulkan.so.1'))
    for (const name of ['swiftshader.tar', 'libvk_swiftshader.so']) rmSync(join(beside, name))
    renameSync(beside, folder)
  } catch (error) {
    rmSync(beside, { recursive: true, force: true })
    // Another process may have been first.
    if (!existsSync(join(folder, 'libvulkan.so.1'))) throw error
  }
  return folder
}
