/** Measures the packed package and records its sizes, in docs/platforms and on docs/guides/size.md: `npm run sizes`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { installTarballs, pack, packDependencies } from '../pack.ts'
import { measureSizes, recordSizes } from './measure-sizes.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const work = mkdtempSync(path.join(tmpdir(), 'peft-medaware-sizes-'))
const { exports: doors } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
}
try {
  const tarballs = [pack(root, work), ...packDependencies(root, work)]
  const folder = path.join(work, 'installed')
  const files = tarballs.map(({ filename }) => path.join(work, filename))
  installTarballs(folder, files)
  const names = Object.keys(doors).filter((door) => door !== './package.json')
  const entries = names.map((door) => path.posix.join('peft-medaware', door))
  await recordSizes(await measureSizes(tarballs, entries, folder))
} finally {
  rmSync(work, { recursive: true })
}
