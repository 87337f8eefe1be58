#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { ProjectError, templates, writeProject } from './write-project.js'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

const help = `Starts a project that fine-tunes a language model with peft-medaware.

  npm create peft-medaware@latest [FOLDER] [-- --template NAME]

  --template NAME   ${Object.keys(templates).join(' or ')}; asked for where it is left out
  --help
  --version

${Object.entries(templates)
  .map(([name, summary]) => `  ${name.padEnd(8)}${summary}`)
  .join('\n')}

FOLDER is new or empty; the last part of its name becomes the name of the package.
`

/** What is asked was not answered: Ctrl-C, or the end of the input. */
class Unanswered extends Error {}

/**
 * @param {string} question
 * @param {string} usual What Enter alone means.
 */
async function ask(question, usual) {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  /** @type {Promise<never>} */
  const ended = new Promise((_, reject) => {
    lines.once('close', () => reject(new Unanswered()))
  })
  try {
    const answer = await Promise.race([lines.question(`${question} (${usual}) `), ended])
    return answer.trim() || usual
  } finally {
    ended.catch(() => undefined)
    lines.close()
  }
}

/** @param {string[]} args */
function parse(args) {
  try {
    const options = {
      template: { type: /** @type {const} */ ('string') },
      help: { type: /** @type {const} */ ('boolean'), short: 'h' },
      version: { type: /** @type {const} */ ('boolean') },
    }
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new ProjectError(error instanceof Error ? error.message : String(error))
  }
}

/** @param {string[]} args */
async function main(args) {
  const { values, positionals } = parse(args)
  if (values.help) return void process.stdout.write(help)
  if (values.version) return void process.stdout.write(`${version}\n`)
  if (positionals.length > 1) throw new ProjectError(`one FOLDER is wanted, got ${positionals.join(' ')}`)
  const isAttended = process.stdin.isTTY && process.stdout.isTTY
  if (positionals[0] === undefined && !isAttended) throw new ProjectError('FOLDER is needed, such as my-app')
  const folder = positionals[0] ?? (await ask('Folder?', 'my-app'))
  const names = Object.keys(templates)
  if (values.template === undefined && !isAttended) throw new ProjectError(`--template ${names.join(' or ')} is needed`)
  const template = values.template ?? (await ask(`Template, ${names.join(' or ')}?`, names[0] ?? ''))
  const { name, files } = writeProject(folder, template, version)
  const inside = path.relative('', path.resolve(folder)) || '.'
  const enter = inside === '.' ? '' : `  cd ${/\s/.test(inside) ? JSON.stringify(inside) : inside}\n`
  process.stdout.write(`${name}: ${files.length} files of the template ${template}. Next:

${enter}  npm install
  npm ${template === 'node' ? 'start' : 'run dev'}

README.md says what is where.
`)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const isStopped = error instanceof Unanswered || (error instanceof Error && error.name === 'AbortError')
  if (!isStopped && !(error instanceof ProjectError)) throw error
  process.stderr.write(isStopped ? '\nstopped\n' : `error: ${error.message}\nTry: npm create peft-medaware -- --help\n`)
  process.exitCode = isStopped ? 130 : 2
}
