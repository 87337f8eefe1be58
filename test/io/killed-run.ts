import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../../src/core/random.ts'
import { checkpointFileNames } from '../../src/train/checkpoint.ts'
import { programAt } from '../programs/run-program.ts'
import { temporaryFolder } from './tiny-files.ts'

/** What a run came to that was killed a few times, and what its processes began from. */
export interface KilledRun {
  readonly began: readonly number[]
  readonly kills: number
  readonly tensors: Buffer
  readonly names: readonly string[]
}

/** Trains in processes of its own, kills so many of them at random moments, and lets the next end. */
export async function killedRun(kills: number, steps: number, random: Random): Promise<KilledRun> {
  const folder = await temporaryFolder()
  const began: number[] = []
  let killed = 0
  for (;;) {
    const { from, isKilled } = await start(folder, steps, killed < kills ? Math.floor(random.uniform() * 100) : null)
    began.push(from)
    if (!isKilled) break
    killed++
  }
  const tensors = await readFile(join(folder, checkpointFileNames.tensors))
  return { began, kills: killed, tensors, names: await readdir(folder) }
}

/** @param patience Milliseconds from the first step on after which the process is killed, or null. */
function start(
  folder: string,
  steps: number,
  patience: number | null,
): Promise<{ readonly from: number; readonly isKilled: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [programAt('test/io/train-and-save'), folder, String(steps)])
    let [printed, errors, isWaiting] = ['', '', false]
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      if (patience === null || isWaiting || !printed.includes('saved')) return
      isWaiting = true
      setTimeout(() => child.kill('SIGKILL'), patience)
    })
    child.on('close', (code, signal) => {
      const from = Number(/^from (\d+)$/m.exec(printed)?.[1] ?? NaN)
      if (code === 0 || signal === 'SIGKILL') resolve({ from, isKilled: signal === 'SIGKILL' })
      else reject(new Error(`train-and-save ended with ${code ?? signal}: ${errors}`))
    })
  })
}
