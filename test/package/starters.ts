import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import type { Page } from 'playwright-core'
import { preview } from 'vite'
import { openBrowser } from '../device/browser.ts'
import { run } from './pack.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** Changes a text in a file, which has it. */
function patch(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
  writeFileSync(file, text.replace(from, to))
}

/**
 * Makes a project of a template by `create-peft-medaware` as `npm create` runs it, with a training of few steps, and
 * installs it.
 * @param from The folder in which the program is installed. @param tarballs All that the project depends on.
 */
function makeProject(from: string, template: string, steps: string, tarballs: readonly string[]): string {
  run('npx', ['--no-install', 'create-peft-medaware', template, '--template', template], from)
  const project = path.join(from, template)
  patch(path.join(project, steps), '80', '3')
  // The tools to build with come from this repository.
  const description = path.join(project, 'package.json')
  const { devDependencies = {}, ...rest } = JSON.parse(readFileSync(description, 'utf8')) as {
    devDependencies?: Record<string, string>
  }
  writeFileSync(description, JSON.stringify(rest))
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], project)
  for (const name of Object.keys(devDependencies)) {
    symlinkSync(path.join(root, 'node_modules', name), path.join(project, 'node_modules', name))
  }
  return project
}

/** The project for Node trains an adapter and talks with it. */
export function checkNodeStarter(from: string, tarballs: readonly string[]): string {
  const project = makeProject(from, 'node', 'settings.js', tarballs)
  const trained = run('npm', ['start', '--silent'], project)
  if (!trained.includes('3 steps, mean loss ')) throw new Error(trained)
  const said = run('bash', ['-c', "printf 'What is gout?\\n\\n' | npm run chat --silent"], project)
  if (said.trim() === '') throw new Error('the adapter says nothing')
  return `3 steps, and it says ${JSON.stringify(said.trim().slice(0, 30))}`
}

/** The project of a page compiles, is built, and trains in Chromium under its own policy. */
export async function checkViteStarter(from: string, tarballs: readonly string[]): Promise<string> {
  const project = makeProject(from, 'vite', 'src/main.ts', tarballs)
  const tool = (name: string, ...words: string[]) => run(process.execPath, [path.join(root, name), ...words], project)
  tool('node_modules/typescript/bin/tsc')
  tool('node_modules/vite/bin/vite.js', 'build')
  const page = readFileSync(path.join(project, 'dist/index.html'), 'utf8')
  if (!page.includes('content-security-policy')) throw new Error('the built page has no policy')
  const server = await preview({ root: project, logLevel: 'error', preview: { port: 0, host: '127.0.0.1' } })
  const browser = await openBrowser()
  try {
    const opened = await browser.newPage()
    return await trainInPage(opened, server.resolvedUrls?.local[0] ?? '')
  } finally {
    await browser.close()
    await server.close()
  }
}

async function trainInPage(page: Page, address: string): Promise<string> {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(address)
  await page.click('#train')
  await page.waitForFunction(() => document.querySelector<HTMLButtonElement>('#train')?.disabled === false, null, {
    timeout: 120_000,
  })
  const status = (await page.textContent('#status')) ?? ''
  if (!status.startsWith('Done on ') || complaints.length > 0) throw new Error([status, ...complaints].join('; '))
  const after = (await page.textContent('#after'))?.trim() ?? ''
  if (after === '') throw new Error('the model says nothing after the training')
  const names: string[] = []
  page.on('download', (download) => names.push(download.suggestedFilename()))
  await page.click('#save')
  await page.waitForTimeout(1000)
  if (!names.includes('adapter_model.safetensors')) throw new Error(`it hands out ${names.join(', ') || 'nothing'}`)
  return `${status}; hands out ${names.join(', ')}`
}
