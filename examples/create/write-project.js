import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The templates, and what each is. */
export const templates = {
  node: 'fine-tunes on a file and talks, in Node: plain JavaScript',
  vite: 'a page that does so in the browser: Vite and TypeScript',
}

/** A project that cannot be made as it was asked for; nothing was written. */
export class ProjectError extends Error {}

/** Names under which templates have files that mean something where they lie: to npm, or to this repository's tools. */
const renamed = { _gitignore: '.gitignore', '_tsconfig.json': 'tsconfig.json' }

/** Names that npm refuses though their letters are good. */
const refused = ['node_modules', 'favicon.ico']

/**
 * Writes a project of a template into a folder that is new or empty, whole or not at all.
 * @param {string} folder
 * @param {string} template A key of `templates`.
 * @param {string} version Of peft-medaware, which the project depends on.
 * @returns {{ name: string, files: string[] }} The package's name, and its files.
 * @throws {ProjectError} For a name that npm refuses, an unknown template, a folder with something in it.
 */
export function writeProject(folder, template, version) {
  const target = path.resolve(folder)
  const name = checkName(path.basename(target))
  if (!Object.hasOwn(templates, template)) {
    throw new ProjectError(`there is no template "${template}"; there are ${Object.keys(templates).join(' and ')}`)
  }
  checkEmpty(target)
  mkdirSync(path.dirname(target), { recursive: true })
  // Beside the target, so that a rename brings it there.
  const work = mkdtempSync(path.join(path.dirname(target), `.${name}-`))
  try {
    const project = path.join(work, name)
    cpSync(fileURLToPath(new URL(`templates/${template}`, import.meta.url)), project, { recursive: true })
    for (const [from, to] of Object.entries(renamed)) {
      if (existsSync(path.join(project, from))) renameSync(path.join(project, from), path.join(project, to))
    }
    const files = readdirSync(project, { recursive: true, encoding: 'utf8' })
      .filter((file) => statSync(path.join(project, file)).isFile())
      .map((file) => file.replaceAll(path.sep, '/'))
    for (const file of files) fillIn(path.join(project, file), { name, version })
    moveInto(project, target)
    return { name, files: files.sort() }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** @param {string} name */
function checkName(name) {
  if (/^[a-z0-9][a-z0-9._~-]*$/.test(name) && name.length <= 214 && !refused.includes(name)) return name
  const better = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._~-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+|-+$/g, '')
    .slice(0, 214)
  const remedy = better === '' || better === name ? 'my-app' : better
  throw new ProjectError(
    `"${name}" cannot be a package's name: small letters, digits and hyphens can, such as ${remedy}`,
  )
}

/** @param {string} target */
function checkEmpty(target) {
  if (!existsSync(target)) return
  if (!statSync(target).isDirectory()) throw new ProjectError(`${target} is a file; choose another folder`)
  const names = readdirSync(target)
  if (names.length === 0) return
  throw new ProjectError(`${target} is not empty, it has ${names.slice(0, 3).join(', ')}; choose another folder`)
}

/**
 * @param {string} file
 * @param {Record<string, string>} values By what stands in the template between two braces.
 */
function fillIn(file, values) {
  const text = readFileSync(file, 'utf8')
  const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (mark, key) => values[key] ?? mark)
  if (filled !== text) writeFileSync(file, filled)
}

/**
 * @param {string} project
 * @param {string} target New, or empty: then it stays the folder it is, for somebody may stand in it.
 */
function moveInto(project, target) {
  if (!existsSync(target)) return renameSync(project, target)
  const moved = []
  try {
    for (const name of readdirSync(project)) {
      renameSync(path.join(project, name), path.join(target, name))
      moved.push(name)
    }
  } catch (error) {
    for (const name of moved) rmSync(path.join(target, name), { recursive: true, force: true })
    throw error
  }
}
