import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { programAt } from '../programs/run-program.ts'

const steps = 400
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'killed-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs the program on a folder, and kills it so many milliseconds after it has begun to train. */
function run(
  outputDir: string,
  killAfter: number | null,
): Promise<{ readonly lines: string[]; readonly isKilled: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [programAt('test/trainer/killed-run'), outputDir, String(steps)])
    let [output, errors] = ['', '']
    child.stdout.on('data', (text: Buffer) => {
      if (output === '' && killAfter !== null) setTimeout(() => child.kill('SIGKILL'), killAfter)
      output += text.toString()
    })
    child.stderr.on('data', (text: Buffer) => {
      errors += text.toString()
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code !== 0 && signal === null) reject(new Error(errors))
      else resolve({ lines: output.trim().split('\n'), isKilled: signal === 'SIGKILL' })
    })
  })
}

/** The numbers of a finished run: its adapter, and what its last checkpoint keeps, but for times. */
async function outcome(outputDir: string) {
  const read = (name: string) => readFile(join(outputDir, name))
  const log = JSON.parse((await read(`checkpoint-${steps}/trainer_log.json`)).toString()) as {
    readonly training: readonly Record<string, number>[]
    readonly evaluation: readonly { readonly step: number; readonly metrics: Record<string, number> }[]
  }
  return {
    adapter: await read('adapter_model.safetensors'),
    best: await read(`checkpoint-${steps}/best_weights.safetensors`),
    losses: log.training.map(({ step, loss, gradNorm }) => [step, loss, gradNorm]),
    evaluation: log.evaluation.map(({ step, metrics }) => [step, metrics['evalLoss']]),
  }
}

test(
  'a run that is killed at 20 random moments ends with the bits of one that was not',
  { timeout: 600_000 },
  async () => {
    const whole = join(folder, 'whole')
    const { lines: told } = await run(whole, null)
    const outputDir = join(folder, 'killed')
    const random = new Random(11)
    let kills = 0
    let last: string[] = []
    for (let runs = 0; runs < 60; runs++) {
      const { lines, isKilled } = await run(outputDir, kills < 20 ? 20 + random.below(500) : null)
      last = lines
      if (isKilled) kills++
      // One that came to its end before it was killed begins anew, so that all 20 are had.
      else if (kills < 20) await rm(outputDir, { recursive: true })
      else break
    }
    expect(kills).toBe(20)
    expect(last.at(-1)).toBe(told.at(-1))
    expect(await outcome(outputDir)).toEqual(await outcome(whole))
    expect((await readdir(outputDir)).filter((name) => name.startsWith('checkpoint'))).toHaveLength(3)
  },
)
