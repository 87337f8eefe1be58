import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../programs/run-program.ts'

/** A page that people read. */
export interface Page {
  /** Its path in the repository. */
  readonly name: string
  readonly text: string
}

/** @param name A page's path in the repository. */
export function pageAt(name: string): Page {
  return { name, text: readFileSync(path.join(root, name), 'utf8') }
}

/** README.md and every page of `docs/` that was written by hand. */
export function writtenPages(): readonly Page[] {
  const docs = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name.replaceAll(path.sep, '/')}`)
    .filter((name) => name.endsWith('.md') && !/^docs\/(api|reference\/api)\//.test(name))
  return ['README.md', ...docs.sort()].map(pageAt)
}
