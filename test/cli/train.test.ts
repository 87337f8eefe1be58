import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const base = 'examples/medquad/base'
let work: string
const at = (...parts: string[]) => join(work, ...parts)
const rowsOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => {
    const disease = `disease ${from + i}`
    return `${JSON.stringify({ question: `What is ${disease}?`, answer: `A condition of ${7 * i} people.` })}\n`
  }).join('')
const settings = ['max_steps=8', 'per_device_train_batch_size=2', 'max_length=48', 'save_steps=3', 'eval_steps=4']
const sets = settings.flatMap((set) => ['--set', set])
const words = (out: string, ...more: string[]) => {
  const files = ['--data', at('rows.jsonl'), '--eval-data', at('held.jsonl')]
  return ['train', '--model', base, ...files, '--out', at(out), '--device', 'cpu', ...sets, ...more]
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-train-'))
  await writeFile(at('rows.jsonl'), rowsOf(12))
  await writeFile(at('held.jsonl'), rowsOf(4, 20))
})
afterAll(() => rm(work, { recursive: true }))

const adapterOf = (out: string) => readFile(at(out, 'adapter_model.safetensors'))

describe('peft-medaware train', () => {
  it('trains, says what came of it, and does the same from the recipe that it saved', async () => {
    const { code, stdout, stderr } = await runCli(words('whole'))
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(
      /^8 steps in \d:\d\d, training loss \d\.\d{4}; loss \d\.\d{4}, perplexity \d+\.\d{4}, bits per byte \d\.\d{4}, token accuracy \d\.\d{4}\n/,
    )
    expect(stdout).toMatch(/^loss {6}training \d\.\d{4} to \d\.\d{4}, held-out \d\.\d{4} to \d\.\d{4}$/m)
    expect(stdout).toMatch(/^best {6}step [48], \d\.\d{4}$/m)
    expect(stdout).toMatch(/^files .*whole: adapter_model\.safetensors, .*, checkpoint-3, checkpoint-6, checkpoint-8$/m)
    expect(stdout).toMatch(/^chat {6}peft-medaware chat examples\/medquad\/base --adapter .*whole --quantize nf4$/m)
    expect(stderr).toMatch(
      /^training: .*base: 1\.4M parameters; LoRA r=16 .* trainable, .*; 12 rows, 4 held out; 8 steps of 2$/m,
    )
    expect(stderr).toContain('evaluation after step 4: loss ')
    expect(stderr).toContain('\nsaved checkpoint-6\n')
    const recipe = await readFile(at('whole', 'run.yaml'), 'utf8')
    expect(recipe).toContain('per_device_train_batch_size: 2\n')
    expect(recipe).toMatch(/^build: (simd|relaxed|wide)$/m)
    const again = await runCli(['train', '--config', at('whole', 'run.yaml'), '--out', at('again'), '--quiet'])
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(await adapterOf('again')).toEqual(await adapterOf('whole'))
  })

  it('trains over the blocks of a GGUF file, and quantises them again where that is asked', async () => {
    const gguf = ['--model', 'test/fixtures/gguf-exports/qwen3-q8_0.gguf', '--set', 'max_steps=1']
    const own = await runCli(words('blocks', ...gguf))
    expect(own).toMatchObject({ code: 0, stderr: expect.not.stringContaining('a second time') })
    const none = await runCli(words('kept', ...gguf, '--quantize', 'none'))
    expect(none.code, none.stderr).toBe(0)
    expect(await adapterOf('blocks')).toEqual(await adapterOf('kept'))
    const nf4 = await runCli(words('nf4', ...gguf, '--quantize', 'nf4'))
    expect(nf4).toMatchObject({ code: 0, stderr: expect.stringContaining('quantised a second time, which moved them') })
    expect(await adapterOf('nf4')).not.toEqual(await adapterOf('blocks'))
  })

  it('learns preferences by trainer: dpo, and goes on with it', async () => {
    const pairs = rowsOf(8).replaceAll('"question"', '"prompt"').replaceAll('"answer":', '"rejected":"No.","chosen":')
    await writeFile(at('pairs.jsonl'), pairs)
    const files = ['--data', at('pairs.jsonl'), '--eval-data', at('pairs.jsonl'), '--out', at('dpo')]
    const dpo = ['--set', 'trainer=dpo', '--set', 'beta=0.2', '--set', 'max_steps=4']
    const { code, stdout, stderr } = await runCli([
      'train',
      '--model',
      base,
      ...files,
      '--device',
      'cpu',
      ...sets,
      ...dpo,
    ])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(
      /^4 steps in 0:\d\d, training loss 0\.\d{4}; loss 0\.\d{4}, rewards\/chosen .*rewards\/accuracies /,
    )
    const run = JSON.parse(await readFile(at('dpo', 'run.json'), 'utf8')) as { options: object }
    expect(run.options).toMatchObject({ loss: { type: 'dpo', beta: 0.2 }, learningRate: 5e-6, disableDropout: true })
    expect(await readFile(at('dpo', 'run.yaml'), 'utf8')).toContain('trainer: dpo\n')
    expect((await runCli(['resume', at('dpo')])).stdout).toMatch(/^4 steps/)
    const alone = await runCli([...words('beta'), '--set', 'beta=0.2'])
    expect(alone.stderr).toContain('beta is of preferences; give trainer: dpo too, or leave it out')
  })

  it('saves on Ctrl-C, and goes on to the same bits', async () => {
    let isStopped = false
    const stopped = await runCli(words('stopped', '--json'), {
      watch: (printed, interrupt) => {
        if (isStopped || !printed.includes('"step":4,')) return
        isStopped = true
        interrupt()
      },
    })
    expect(stopped.code, stopped.stderr).toBe(130)
    expect(stopped.stderr).toMatch(/saved at step \d; go on with: peft-medaware resume .*stopped\nstopped\n$/)
    const resumed = await runCli(['resume', at('stopped'), '--json'])
    expect(resumed.code, resumed.stderr).toBe(0)
    const lines = resumed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.at(-1)).toMatchObject({ step: 8, steps: 8, isStopped: false })
    expect(lines.filter((line) => 'gradNorm' in line).at(-1)).toMatchObject({ step: 8, steps: 8 })
    expect(await adapterOf('stopped')).toEqual(await adapterOf('whole'))
  })

  it('holds rows out by a key, and tells both parts in run.json', async () => {
    const flags = ['--set', 'eval_fraction=0.5', '--set', 'split_by=question', '--set', 'max_steps=2']
    const files = ['--model', base, '--data', at('rows.jsonl'), '--out', at('split'), '--device', 'cpu']
    const { code, stderr } = await runCli(['train', ...files, ...sets, ...flags])
    expect(code, stderr).toBe(0)
    const { data } = JSON.parse(await readFile(at('split', 'run.json'), 'utf8')) as {
      readonly data: { readonly examples: number; readonly evalExamples: number }
    }
    expect(data.evalExamples).toBeGreaterThan(0)
    expect(data.examples + data.evalExamples).toBe(12)
  })

  it('says what differs where a run goes on otherwise', async () => {
    const { code, stderr } = await runCli(['resume', at('whole'), '--set', 'learning_rate=0.5'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/learningRate was 0\.0002, is 0\.5/)
    const longer = ['--set', 'max_steps=9', '--accept', 'steps']
    await cp(at('whole'), at('longer'), { recursive: true })
    const resumed = await runCli(['resume', at('longer'), ...longer])
    expect(resumed.code, resumed.stderr).toBe(0)
    expect(resumed.stdout).toMatch(/^9 steps in 0:\d\d, training loss/)
  })

  it.each<[readonly string[], number, RegExp]>([
    [['train'], 1, /error: the recipe needs output_dir, the folder for checkpoints and the adapter\n$/],
    [['train', '--out', 'x', '--device', 'cpu'], 1, /the recipe needs data, what to train on\n$/],
    [['train', '--set', 'x'], 2, /--set needs key=value, got x/],
    [['train', '--out', 'x', '--device', 'gpu'], 1, /device must be auto, cpu, webgpu, got "gpu"/],
    [['train', '--out', 'x', '--build', 'fast'], 1, /build must be auto, simd, relaxed, wide, got "fast"/],
    [['train', '--out', 'x', '--set', 'threads=0'], 1, /threads must be a whole number from 1, got 0/],
    [['train', '--config', 'nowhere.yaml'], 1, /nowhere\.yaml cannot be read/],
    [
      ['train', '--out', 'x', '--data', 'examples/browser/sample.jsonl', '--set', 'split_by=a'],
      1,
      /split_by says how eval_fraction splits/,
    ],
    [['resume', 'nowhere'], 1, /nowhere\/run\.yaml cannot be read/],
  ])('%j is refused', async (given, code, message) => {
    const ended = await runCli(given)
    expect(ended.code).toBe(code)
    expect(ended.stderr).toMatch(message)
  })

  it.each<[string, RegExp]>([
    ['learning_rat=3', /there is no argument "learning_rat"; did you mean learningRate\?/],
    ['adapter.rank=3', /there is no option "rank"/],
    ['adapter=3', /adapter must be a table such as { r: 16 }, or null, got 3/],
    ['quantize=int4', /quantize must be none, nf4, .*, got "int4"/],
    ['deepspeed=x', /deepspeed "x" cannot be followed: there is one process with one device/],
  ])('%s is refused', async (set, message) => {
    const ended = await runCli(words('refused', '--set', set))
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(message)
  })
})

describe('peft-medaware evaluate', () => {
  it('measures what the training measured', async () => {
    const log = JSON.parse(await readFile(at('whole', 'checkpoint-8', 'trainer_log.json'), 'utf8')) as {
      readonly evaluation: readonly { readonly metrics: Record<string, number> }[]
    }
    const flags = ['--adapter', at('whole'), '--quantize', 'nf4', '--max-length', '48', '--device', 'cpu', '--json']
    const { code, stdout, stderr } = await runCli(['evaluate', base, at('held.jsonl'), ...flags])
    expect(code, stderr).toBe(0)
    const { loss } = JSON.parse(stdout) as { readonly loss: number }
    expect(loss).toBeCloseTo(log.evaluation.at(-1)?.metrics['evalLoss'] ?? NaN, 6)
    const whole = await runCli(['evaluate', base, at('held.jsonl'), ...flags, '--set', 'completion_only_loss=false'])
    expect(whole.code, whole.stderr).toBe(0)
    expect((JSON.parse(whole.stdout) as { readonly loss: number }).loss).not.toBeCloseTo(loss, 2)
    const other = await runCli(['evaluate', base, at('held.jsonl'), '--set', 'learning_rate=3'])
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringContaining('learningRate is not about how rows are read'),
    ])
  })
})

describe('peft-medaware chat', () => {
  it('answers each line, and Ctrl-C stops the answer alone', async () => {
    const flags = ['--adapter', at('whole'), '--device', 'cpu', '--max-new-tokens', '2000', '--temperature', '0']
    let isStopped = false
    const { code, stderr } = await runCli(['chat', base, ...flags], {
      input: 'What is disease 3?\nWhat is disease 4?\n\n',
      watch: (printed, interrupt) => {
        if (isStopped || printed.length < 20) return
        isStopped = true
        interrupt()
      },
    })
    expect(code, stderr).toBe(0)
    expect(isStopped).toBe(true)
    expect(stderr.match(/> /g)).toHaveLength(3)
  })

  it("writes a conversation by the model's chat template", async () => {
    const folder = at('chatting')
    await cp(base, folder, { recursive: true })
    // A template that only takes whole conversations: without the answer before, the second question would fail.
    const chat_template =
      "{% if messages|length % 2 == 0 %}{{ raise_exception('an answer is missing') }}{% endif %}" +
      "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    const config = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')) as object
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template }))
    const flags = ['--device', 'cpu', '--max-new-tokens', '4', '--temperature', '0']
    const { code, stderr } = await runCli(['chat', folder, ...flags], { input: 'What?\nAnd then?\n\n' })
    expect(code, stderr).toBe(0)
    expect(stderr.match(/> /g)).toHaveLength(3)
  })
})
