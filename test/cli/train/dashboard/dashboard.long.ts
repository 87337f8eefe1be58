import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import xterm from '@xterm/headless'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { programAt, root } from '../../../programs/run-program.ts'

const hasScript = spawnSync('script', ['--version']).status === 0
let work: string
const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

/** A program on a terminal of its own, as a person has it in front of them. */
class PersonAtTerminal {
  readonly #terminal = new xterm.Terminal({ cols: 80, rows: 24, allowProposedApi: true, scrollback: 500 })
  readonly #child
  readonly ended: Promise<number | null>

  /** @param before Shell commands to run first, on that terminal, and `after` at the end. */
  constructor(words: readonly string[], after = 'true') {
    const command = [process.execPath, programAt('src/cli/main'), ...words].map(quoted).join(' ')
    const whole = `stty cols 80 rows 24; ${command}; code=$?; ${after}; exit $code`
    this.#child = spawn('script', ['-qfec', whole, '/dev/null'], {
      cwd: root,
      env: { ...process.env, TERM: 'xterm-256color', LANG: 'C.UTF-8', LC_ALL: '', CI: '' },
    })
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#terminal.write(chunk)
    })
    this.ended = new Promise((resolve) => this.#child.on('close', resolve))
  }

  press(keys: string): void {
    this.#child.stdin.write(keys)
  }

  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate'
  }

  /** All that can be read, what has scrolled off included. */
  async read(): Promise<string> {
    await new Promise<void>((done) => {
      this.#terminal.write('', done)
    })
    const { active } = this.#terminal.buffer
    return Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '').join('\n')
  }

  async until(seen: RegExp): Promise<string> {
    for (let i = 0; i < 1200; i++) {
      const text = await this.read()
      if (seen.test(text)) return text
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`${seen} was not seen; there is:\n${await this.read()}`)
  }
}

const words = (out: string) => {
  const sets = ['max_steps=40', 'per_device_train_batch_size=2', 'max_length=48', 'save_steps=100', 'eval_steps=100']
  return [
    ...['train', '--model', 'examples/medquad/base', '--data', join(work, 'rows.jsonl'), '--out', join(work, out)],
    ...['--eval-data', join(work, 'rows.jsonl'), '--device', 'cpu', ...sets.flatMap((set) => ['--set', set])],
  ]
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'dashboard-'))
  const rows = Array.from({ length: 12 }, (_, i) => ({ question: `What is ${i}?`, answer: `A number: ${7 * i}.` }))
  await writeFile(join(work, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
})
afterAll(() => rm(work, { recursive: true }))

it('has a terminal to be tested on', () => {
  expect(hasScript, 'the program script of util-linux is needed: it gives a program a terminal').toBe(true)
})

describe.runIf(hasScript)('the dashboard on a terminal', () => {
  it('pauses and saves by keys, stops by q, and goes on to the same bits', async () => {
    const person = new PersonAtTerminal(words('keys'), 'stty -a')
    await person.until(/training .*\d\/40 steps/)
    expect(person.isAlternate).toBe(true)
    person.press('p')
    await person.until(/train {3}paused/)
    person.press('?')
    await person.until(/ p +waits after this step/)
    person.press('?')
    await person.until(/p go on/)
    person.press('p')
    await person.until(/p pause/)
    person.press('s')
    await person.until(/saved +checkpoint-\d/)
    person.press('q')
    expect(await person.ended).toBe(130)
    const left = await person.read()
    expect(person.isAlternate).toBe(false)
    expect(left).toMatch(/peft-medaware train {3}stopped/)
    expect(left).toMatch(/saved at step \d+; go on with: peft-medaware resume/)
    // The terminal echoes and knows Ctrl-C again.
    expect(left).toMatch(/ icanon/)
    expect(left).toMatch(/\becho\b/)
    expect(left).toMatch(/isig/)
    expect(left).not.toMatch(/-(icanon|echo|isig)\b/)
    const resumed = new PersonAtTerminal(['resume', join(work, 'keys')])
    expect(await resumed.ended).toBe(0)
    expect(await resumed.read()).toMatch(/peft-medaware resume from step \d+ {3}done/)
    const whole = new PersonAtTerminal([...words('whole'), '--plain'])
    expect(await whole.ended).toBe(0)
    const said = await whole.read()
    expect(said).toContain('training: ')
    expect(said).not.toContain('s save')
    const adapter = (out: string) => readFile(join(work, out, 'adapter_model.safetensors'))
    expect(await adapter('keys')).toEqual(await adapter('whole'))
  })

  it('hides no error, and gives the terminal back', async () => {
    const person = new PersonAtTerminal([...words('wrong'), '--set', 'learning_rate=1e30'], 'stty -a')
    expect(await person.ended).toBe(1)
    const left = await person.read()
    expect(person.isAlternate).toBe(false)
    expect(left).toMatch(/error: TrainingRun: the (loss|gradient norm) is (NaN|Infinity)/)
    expect(left).not.toMatch(/-(icanon|echo|isig)\b/)
  })

  it('is put aside by Ctrl-Z and comes back', async () => {
    // A shell with job control starts it, sees it stop, and brings it back.
    const shell = `set -m; ${[process.execPath, programAt('src/cli/main'), ...words('aside')].map(quoted).join(' ')}; echo put aside; stty -a; fg >/dev/null; echo "ended $?"`
    const person = new PersonAtTerminal(['--version'], `bash -c ${quoted(shell)}`)
    await person.until(/training .*\d\/40 steps/)
    person.press('\u001a')
    const aside = await person.until(/put aside[^]*extproc/)
    expect(aside).not.toMatch(/-(icanon|echo|isig)\b/)
    await person.until(/ended 0/)
    expect(await person.read()).toMatch(/peft-medaware train {3}done/)
  })
})
