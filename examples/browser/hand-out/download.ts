import { zipSync } from 'fflate'

const folder = 'medaware-adapter'

/** Gives the person an adapter's files as an archive, which stores them: they are as small as can be. */
export function handOut(files: ReadonlyMap<string, Uint8Array>): void {
  const entries = Object.fromEntries([...files].map(([name, content]) => [`${folder}/${name}`, content]))
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([zipSync(entries, { level: 0 })], { type: 'application/zip' }))
  link.download = `${folder}.zip`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
