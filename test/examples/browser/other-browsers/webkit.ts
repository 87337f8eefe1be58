import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OtherBrowser } from './other-browser.ts'

/** The key under which WebDriver names an element. */
const element = 'element-6066-11e4-a52e-4f735466cecf'

/**
 * Opens WebKitGTK's MiniBrowser by the WebDriver protocol, on a screen in memory.
 * @throws Error where there is none, with how it is installed.
 */
export async function openWebKit(): Promise<OtherBrowser> {
  const home = await mkdtemp(join(tmpdir(), 'medaware-webkit-'))
  const downloads = join(home, 'downloads')
  await Promise.all([downloads, join(home, '.config')].map((path) => mkdir(path)))
  await writeFile(join(home, '.config/user-dirs.dirs'), 'XDG_DOWNLOAD_DIR="$HOME/downloads"\n')
  const screen = start('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1000x24'], process.env)
  const end = async (...children: readonly ChildProcess[]) => {
    for (const child of children) child.kill()
    await rm(home, { recursive: true, force: true })
  }
  const display = await firstLine(screen)
  const port = await freePort()
  // There is no graphics card for it.
  const environment = { ...process.env, HOME: home, DISPLAY: `:${display}`, LIBGL_ALWAYS_SOFTWARE: '1' }
  const driver = start('WebKitWebDriver', [`--port=${port}`], environment)
  try {
    const { sessionId, capabilities } = await patiently(() =>
      ask<{ sessionId: string; capabilities: { browserVersion: string } }>('POST', `http://127.0.0.1:${port}/session`, {
        capabilities: { alwaysMatch: { acceptInsecureCerts: true } },
      }),
    )
    const session = `http://127.0.0.1:${port}/session/${sessionId}`
    return {
      name: `WebKitGTK ${capabilities.browserVersion}`,
      downloads,
      goto: async (url) => {
        await ask('POST', `${session}/url`, { url })
      },
      evaluate: async (expression) => {
        const script = `const give = arguments[0]; Promise.resolve(${expression}).then(give)`
        return ask('POST', `${session}/execute/async`, { script, args: [] })
      },
      click: async (selector) => {
        const using = { using: 'css selector', value: selector }
        const found = await ask<Record<string, string>>('POST', `${session}/element`, using)
        await ask('POST', `${session}/element/${found[element]}/click`, {})
      },
      close: async () => {
        await ask('DELETE', session).finally(() => end(driver, screen))
      },
    }
  } catch (error) {
    await end(driver, screen)
    throw error
  }
}

function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  child.on('error', () => {})
  return child
}

/** What a program writes at first to its file 3. */
async function firstLine(child: ChildProcess): Promise<string> {
  const missing = new Error(`${child.spawnfile} cannot be started: sh .ci/install-webkit.sh installs it`)
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(missing)).on('exit', () => reject(missing))
    child.stdio[3]?.on('data', (data: Buffer) => resolve(data.toString().trim()))
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A driver takes a moment until it listens. */
async function patiently<T>(work: () => Promise<T>, tries = 50): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (tries === 0 || !(error instanceof TypeError)) throw error
    await new Promise((resolve) => setTimeout(resolve, 200))
    return patiently(work, tries - 1)
  }
}

async function ask<T = unknown>(method: string, address: string, body?: object): Promise<T> {
  const answer = await fetch(address, { method, ...(body && { body: JSON.stringify(body) }) })
  const { value } = (await answer.json()) as { value: T & { error?: string; message?: string } }
  if (!answer.ok) throw new Error(`WebDriver: ${value.error}: ${value.message}`)
  return value
}
