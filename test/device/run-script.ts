import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How a program ended, and what it said. */
export interface ScriptEnd {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a script, which may call `openCpuDevice`, in a Node of its own; one that does not end is stopped and has status
 * null.
 */
export async function runScript(script: string, flags: readonly string[] = []): Promise<ScriptEnd> {
  const path = join(import.meta.dirname, `script-${process.pid}-${Math.random().toString(36).slice(2)}.ts`)
  await writeFile(path, `import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'\n${script}\n`)
  try {
    const child = spawn(process.execPath, [...flags, '--import', 'tsx', path], { cwd: root, timeout: 60_000 })
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ])
    return { status, stdout, stderr }
  } finally {
    await rm(path)
  }
}
