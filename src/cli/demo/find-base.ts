import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ownCacheFolder } from '#platform'
import { smallBase } from './small-base.ts'

/** The small base where it is on this machine: installed beside a project or beside this program, or kept. */
export async function findBase(): Promise<string | null> {
  const installed = [join(process.cwd(), 'any.js'), import.meta.url].map(installedFor).find((folder) => folder !== null)
  if (installed !== undefined) return installed
  const kept = keptFolder()
  return kept !== null && (await isSmallBase(kept)) ? kept : null
}

/** Where a base that was fetched is kept; null where the user has no cache folder. */
export function keptFolder(): string | null {
  const folder = ownCacheFolder()
  return folder === null ? null : join(folder, `${smallBase.name}-${smallBase.version}`)
}

/** Whether a folder has the model of the version that is meant, byte for byte. */
export async function isSmallBase(folder: string): Promise<boolean> {
  const bytes = await readFile(join(folder, 'model.safetensors')).catch(() => null)
  return bytes !== null && createHash('sha256').update(bytes).digest('hex') === smallBase.sha256
}

/** The package's folder, as a module there would find it. */
function installedFor(module: string): string | null {
  try {
    return dirname(createRequire(module).resolve(`${smallBase.name}/package.json`))
  } catch {
    return null
  }
}
