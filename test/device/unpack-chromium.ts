import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'
import { extract } from 'tar'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Unpacks an archive of `@sparticuz/chromium` into a folder of this name, and returns its path. It is done once; later
 * calls find the folder. `arrange` may move files about before others see them.
 */
export function unpackChromium(archive: string, name: string, arrange: (folder: string) => void = () => {}): string {
  const folder = join(root, 'node_modules/.cache/peft-medaware', name)
  if (existsSync(folder)) return folder
  const packed = join(root, 'node_modules/@sparticuz/chromium/bin', archive)
  if (!existsSync(packed)) throw new Error(`${name}: ${packed} is missing; run npm ci`)
  mkdirSync(dirname(folder), { recursive: true })
  const beside = mkdtempSync(`${folder}-`)
  try {
    writeFileSync(join(beside, 'archive.tar'), brotliDecompressSync(readFileSync(packed)))
    extract({ file: join(beside, 'archive.tar'), cwd: beside, sync: true })
    rmSync(join(beside, 'archive.tar'))
    arrange(beside)
    renameSync(beside, folder)
  } catch (error) {
    rmSync(beside, { recursive: true, force: true })
    // Another process may have been first.
    if (!existsSync(folder)) throw error
  }
  return folder
}
