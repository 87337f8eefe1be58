import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { runCli } from './run-cli.ts'

const base = 'examples/medquad/base'
let work: string
const at = (...parts: string[]) => join(work, ...parts)
const read = (...parts: string[]) => readFile(at(...parts), 'utf8')

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-export-'))
  const rows = Array.from({ length: 6 }, (_, i) => ({ question: `What is disease ${i}?`, answer: `Condition ${i}.` }))
  await writeFile(at('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const settings = [
    'max_steps=4',
    'per_device_train_batch_size=2',
    'max_length=48',
    'save_steps=2',
    'adapter.lora_dropout=0.05',
  ]
  const sets = settings.flatMap((set) => ['--set', set])
  const files = ['--model', base, '--data', at('rows.jsonl'), '--out', at('run')]
  const { code, stderr } = await runCli(['train', ...files, '--device', 'cpu', '--quiet', ...sets])
  expect(code, stderr).toBe(0)
})
afterAll(() => rm(work, { recursive: true }))

/** What Python says of a script's grammar; null where there is no Python. */
async function compiled(path: string): Promise<string | null> {
  try {
    const { stderr } = await promisify(execFile)('python3', ['-m', 'py_compile', path])
    return stderr
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Lines of a Python text whose brackets are not closed at its end, strings and comments aside. */
function openBrackets(script: string): string {
  const code = script
    .replace(/"""[^]*?"""/g, '')
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replace(/#.*/g, '')
  const open: string[] = []
  const closing: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }
  for (const letter of code) {
    if ('([{'.includes(letter)) open.push(letter)
    else if (letter in closing && open.pop() !== closing[letter]) return `${letter} closes nothing`
  }
  return open.join('')
}

describe('peft-medaware export-recipe', () => {
  it("writes the script, accelerate's config, the adapter and all that the script reads", async () => {
    const words = ['export-recipe', at('run'), at('out'), '--checkpoint', '2', '--processes', '2', '--cpu']
    const { code, stdout, stderr } = await runCli(words)
    expect(code, stderr).toBe(0)
    expect(stdout).toBe(
      `${at('out')} goes on from ${at('run', 'checkpoint-2')}: accelerate launch --config_file accelerate.yaml train.py\n`,
    )
    expect(stderr).toContain('warning: exportRecipe: Dropout is 0.05: losses will not be equal\n')
    expect((await readdir(at('out'), { recursive: true })).sort()).toEqual([
      ...[
        'README.md',
        'accelerate.yaml',
        'adapter',
        'adapter/adapter_config.json',
        'adapter/adapter_model.safetensors',
      ],
      ...['examples.safetensors', 'optimizer.safetensors', 'recipe.json', 'requirements.txt', 'train.py'],
    ])
    const config = parse(await read('out', 'accelerate.yaml')) as Record<string, unknown>
    expect(config).toMatchObject({ num_processes: 2, num_machines: 1, use_cpu: true, mixed_precision: 'no' })
    const recipe = JSON.parse(await read('out', 'recipe.json')) as Record<string, unknown>
    expect(recipe).toMatchObject({ model: resolve(base), step: 2, steps: 4, examples_per_step: 2, learning_rate: 2e-4 })
    expect(recipe['quantization']).toMatchObject({ config: { bnb_4bit_quant_type: 'nf4' } })
    const adapter = (folder: string) => readFile(at(folder, 'adapter_model.safetensors'))
    expect(await adapter('out/adapter')).toEqual(await adapter('run/checkpoint-2'))
    const readme = await read('out', 'README.md')
    expect(readme).toContain('trained 2 of 4 steps')
    expect(readme).toContain('Dropout is 0.05: losses will not be equal.')
  })

  it('writes a script that Python takes, and that reads only what is there', async () => {
    const script = await read('out', 'train.py')
    expect((await compiled(at('out', 'train.py'))) ?? '').toBe('')
    expect(openBrackets(script)).toBe('')
    expect(script).not.toMatch(/\t|\$\{|undefined/)
    const recipe = JSON.parse(await read('out', 'recipe.json')) as Record<string, unknown>
    const asked = [...script.matchAll(/RECIPE\["(\w+)"\]/g)].map(([, name = '']) => name)
    expect(asked.length).toBeGreaterThan(10)
    expect(asked.filter((name) => !(name in recipe))).toEqual([])
    const files = [...script.matchAll(/HERE \/ "([\w.]+)"/g)].map(([, name = '']) => name)
    const written = await readdir(at('out'))
    expect(files.filter((name) => !written.includes(name) && name !== 'output')).toEqual([])
  })

  it('begins with the newest whole checkpoint that has steps before it', async () => {
    await rm(at('run', 'checkpoint-4'), { recursive: true })
    const { code, stdout, stderr } = await runCli(['export-recipe', at('run'), at('newest')])
    expect(code, stderr).toBe(0)
    expect(stdout).toContain(`goes on from ${at('run', 'checkpoint-2')}`)
    const config = parse(await read('newest', 'accelerate.yaml')) as Record<string, unknown>
    expect(config).toMatchObject({ distributed_type: 'NO', num_processes: 1, use_cpu: false })
  })

  it.each<[readonly string[], number, RegExp]>([
    [['--help'], 0, /^Writes a training for Python.*\n[^]*peft-medaware export-recipe DIR OUT \[options\]/],
    [[], 2, /error: needs DIR OUT, nothing was given\nTry: peft-medaware export-recipe --help\n$/],
    [['run'], 2, /error: needs DIR OUT, got .*run\n/],
    [['run', 'x', '--processes', '0'], 2, /--processes must be a whole number from 1, got 0/],
    [['run', 'x', '--mixed-precision', 'fp16'], 2, /--mixed-precision must be no or bf16, got fp16/],
    [['run', 'x', '--chekpoint', '2'], 2, /there is no option --chekpoint; did you mean --checkpoint\?/],
    [['run', 'x', '--checkpoint', '3'], 1, /has no checkpoint of step 3; it has those of 2\n/],
    [['nowhere', 'x'], 1, /nowhere\/run\.yaml cannot be read/],
  ])('%j', async (words, code, message) => {
    const given = words.map((word) => (['run', 'x', 'nowhere'].includes(word) ? at(word) : word))
    const ended = await runCli(['export-recipe', ...given])
    expect(ended.code, ended.stderr).toBe(code)
    expect(code === 0 ? ended.stdout : ended.stderr).toMatch(message)
    expect(await readdir(work)).not.toContain('x')
  })
})
