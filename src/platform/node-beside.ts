import { randomUUID } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ownName, programHasEnded } from './node-programs.ts'

/** After so many milliseconds a file that a program of another machine left is nobody's any more. */
const day = 24 * 60 * 60 * 1000

/** A name beside a file to write it under until it is whole; it says which program does. */
export function besideOf(path: string): string {
  return join(dirname(path), `${basename(path)}.${ownName()}.${randomUUID()}.tmp`)
}

/** What `besideOf` gives; earlier versions left out the program. */
const pattern = /\.(?:([\w-]+\.\d+)\.)?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.tmp$/

/** Removes what programs that were stopped in the midst of writing left in a folder. Never rejects. */
export async function clearLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  const found = names.filter((name) => pattern.test(name)).map((name) => join(folder, name))
  const isLeft = await Promise.all(found.map(isLeftover))
  const left = found.filter((_, i) => isLeft[i])
  await Promise.all(left.map((path) => rm(path, { force: true }).catch(() => undefined)))
}

async function isLeftover(path: string): Promise<boolean> {
  const [, writer] = pattern.exec(path) ?? []
  if (writer === undefined || programHasEnded(writer)) return true
  const writtenAt = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Infinity,
  )
  // A program may be given the number of one that ended, as the first in a container always is.
  const isOfOwnNumber = writer === ownName()
  return writtenAt < (isOfOwnNumber ? Date.now() - process.uptime() * 1000 : Date.now() - day)
}
