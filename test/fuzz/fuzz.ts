import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { MedAwareError } from '../../src/core/errors.ts'
import { Random } from '../../src/core/random.ts'

/** A reader of files that may come from anyone, and what it is fed. */
export interface FuzzTarget {
  readonly name: string
  /** Makes an input; the same one from the same random numbers. */
  make(random: Random): Uint8Array
  /** Reads it as the library does. It may throw the errors of `isRefusal`, and nothing else. */
  read(input: Uint8Array): unknown
  /** Default: a `MedAwareError`. */
  readonly isRefusal?: (error: unknown) => boolean
}

export interface FuzzReport {
  readonly read: number
  readonly refused: number
  /** What went wrong, with the input; at most ten. */
  readonly failures: readonly string[]
}

/**
 * Milliseconds that an input may take: what takes longer has to do it twice, since other processes run beside this one.
 */
const mostTime = 1000
/** Growth of the process's memory that an input may cause, in KiB. */
const mostGrowth = 512 * 1024
const mostFailures = 10

/**
 * Feeds a target `count` inputs. Input `i` hangs on `seed` and `i` alone, so one that failed can be made again by
 * itself. An input that never returns ends the process, after its number has been written to the terminal.
 */
export async function fuzz(target: FuzzTarget, seed: number, count: number, begin = 0): Promise<FuzzReport> {
  const { isRefusal = (error) => error instanceof MedAwareError } = target
  const watch = startWatchdog(`${target.name}, seed ${seed}`)
  const failures: string[] = []
  let read = 0
  let refused = 0
  try {
    for (let i = begin; i < begin + count && failures.length < mostFailures; i++) {
      watch.now(i)
      const input = makeInput(target, seed, i)
      const outcome = await tryInput(target, input)
      const again = outcome.time > mostTime ? await tryInput(target, input) : outcome
      if (outcome.error === null) read++
      else if (isRefusal(outcome.error)) refused++
      const wrong = [
        ...(outcome.error === null || isRefusal(outcome.error) ? [] : [wordsFor(outcome.error)]),
        ...(again.time > mostTime ? [`took ${Math.round(again.time)} ms`] : []),
        ...(outcome.growth > mostGrowth ? [`made the process ${Math.round(outcome.growth / 1024)} MiB larger`] : []),
      ]
      if (wrong.length > 0)
        failures.push(`${target.name}, seed ${seed}, input ${i} ${wrong.join(', ')}\n${quote(input)}`)
    }
  } finally {
    await watch.stop()
  }
  return { read, refused, failures }
}

export function makeInput(target: FuzzTarget, seed: number, index: number): Uint8Array {
  return target.make(Random.of(seed, index))
}

async function tryInput(target: FuzzTarget, input: Uint8Array) {
  const size = process.resourceUsage().maxRSS
  const start = performance.now()
  let error: unknown = null
  try {
    await target.read(input)
  } catch (thrown) {
    error = thrown ?? new Error('nothing was thrown')
  }
  return { error, time: performance.now() - start, growth: process.resourceUsage().maxRSS - size }
}

function wordsFor(error: unknown): string {
  return error instanceof Error ? `threw ${error.stack?.split('\n').slice(0, 4).join('\n')}` : `threw ${String(error)}`
}

/** An input as it can be pasted: text as JSON, else base64. */
function quote(input: Uint8Array): string {
  const text = new TextDecoder().decode(input)
  return text.includes('\uFFFD')
    ? Buffer.from(input).toString('base64').slice(0, 4000)
    : JSON.stringify(text.slice(0, 4000))
}

const patience = 20_000
const watchdog = `
  const { workerData } = require('node:worker_threads')
  const state = new Int32Array(workerData.memory)
  let last = -1, since = Date.now()
  setInterval(() => {
    if (state[0] !== last) { last = state[0]; since = Date.now() }
    else if (Date.now() - since > workerData.patience) {
      require('node:fs').writeSync(2, 'fuzz: ' + workerData.name + ', input ' + last + ' does not return\\n')
      process.kill(process.pid, 'SIGKILL')
    }
  }, 500)`

/** A thread that ends the process when one input has been worked on for too long: this thread could not. */
function startWatchdog(name: string): { now(index: number): void; stop(): Promise<unknown> } {
  const memory = new SharedArrayBuffer(4)
  const state = new Int32Array(memory)
  const worker = new Worker(watchdog, { eval: true, execArgv: [], env: {}, workerData: { memory, name, patience } })
  return { now: (index) => Atomics.store(state, 0, index), stop: () => worker.terminate() }
}
