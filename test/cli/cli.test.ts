import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAdapter } from '../../src/io/adapter-folder.ts'
import { diskFolder, readJson } from '../../src/io/sources/folder.ts'
import { completeText } from '../../src/generate/generate-text.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { modelFiles } from '../../src/io/save/save-model.ts'
import { version } from '../../src/core/version.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import type { ProgramOptions } from '../programs/run-program.ts'
import { runCli } from './run-cli.ts'

const tiny = 'test/fixtures/tiny-falcon-rw'
const speaking = 'examples/medquad/base'
const onCpu = ['--device', 'cpu']
const device = await openTestCpu()
let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-cli-'))
})
afterAll(async () => {
  device.dispose()
  await rm(work, { recursive: true })
})

/** What a model without a tokenizer, as the small ones here are, makes each command say first. */
const noTokenizer = /^warning: .*: there is no tokenizer\.json, so the model comes without a tokenizer; .*\n/

const runPlainly = async (words: readonly string[], options?: ProgramOptions) => {
  const ended = await runCli(words, options)
  return { ...ended, stderr: ended.stderr.replace(noTokenizer, '') }
}

const names = [
  ...['demo', 'inspect', 'train', 'resume', 'quantize', 'chat', 'generate', 'serve', 'evaluate', 'compare'],
  ...['merge', 'export', 'export-recipe', 'push'],
]

describe('peft-medaware', () => {
  it('says what there is, and what each command takes', async () => {
    const { code, stdout, stderr } = await runPlainly(['--help'])
    expect([code, stderr]).toEqual([0, ''])
    const commands = [...stdout.matchAll(/^ {2}([\w-]+) {2,}/gm)].map(([, name]) => name ?? '')
    expect(commands).toEqual(names)
    const helps = await Promise.all(commands.map((name) => runPlainly([name, '--help'])))
    for (const [i, each] of helps.entries()) {
      expect(each).toMatchObject({ code: 0, stderr: '' })
      expect(each.stdout).toContain(`\n  peft-medaware ${commands[i]} `)
    }
    expect(await runPlainly(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
  })

  it.each([
    [['finetune'], `there is no command "finetune"; there are ${names.join(', ')}`, ''],
    [['inspect'], 'needs SOURCE, nothing was given', 'inspect '],
    [['merge', 'a', 'b'], 'needs BASE ADAPTER OUT, got a b', 'merge '],
    [['quantize', tiny, 'x', '--type', 'int4'], '--type must be nf4, fp4 or int8, got int4', 'quantize '],
    [
      ['quantize', tiny, 'x', '--block-size', '6.4'],
      '--block-size must be a whole number from 1, got 6.4',
      'quantize ',
    ],
    [['generate', tiny, '--temperature', 'hot'], '--temperature must be a number from 0, got hot', 'generate '],
    [['merge', tiny, 'b', 'c', '--force'], '--force insists on --quantized, which is not given', 'merge '],
  ])('%o asks wrongly: exit code 2', async (words, message, command) => {
    const ended = await runPlainly(words)
    expect(ended).toEqual({ code: 2, stdout: '', stderr: `error: ${message}\nTry: peft-medaware ${command}--help\n` })
  })

  it.each([
    [['inspect', tiny, '--target-module', 'x'], 'there is no option --target-module; did you mean --target-modules?'],
    [
      ['generate', tiny, '--max_new_tokens', '5'],
      'there is no option --max_new_tokens; did you mean --max-new-tokens?',
    ],
    [['generate', tiny, '--tempreture=1'], 'there is no option --tempreture; did you mean --temperature?'],
    [
      ['inspect', tiny, '--weights'],
      'there is no option --weights; there are --r, --target-modules, --batch, --length, --json',
    ],
    [['quantise', tiny], 'there is no command "quantise"; did you mean quantize?'],
    [['constructor'], `there is no command "constructor"; there are ${names.join(', ')}`],
  ])('%o: an unknown word is refused with the nearest known one', async (words, message) => {
    const { code, stderr } = await runCli(words)
    expect([code, stderr.split('\n')[0]]).toEqual([2, `error: ${message}`])
  })

  it.each([
    [
      ['inspect', './nowhere'],
      /^error: .*there is no \.\/nowhere\/config\.json; a model in one GGUF file is named by that file, as in folder\/model\.gguf\n$/,
    ],
    [
      ['quantize', tiny, 'OUT', '--block-size', '48', ...onCpu],
      /^error: quantize: blockSize must be one of 32, .*, got 48\n$/,
    ],
    [
      ['merge', tiny, `${tiny}/adapters/lora`, tiny],
      /^error: .*tiny-falcon-rw is where .* is read from; choose another folder/,
    ],
    [
      ['generate', tiny, '--prompt', 'x', ...onCpu],
      /^error: generate: test\/fixtures\/tiny-falcon-rw has no tokenizer\.json\n$/,
    ],
    [
      ['merge', tiny, `${tiny}/adapters/lora`, 'OUT', '--max-shard-size', '5 apples'],
      /^error: saveModel: maxShardSize must be/,
    ],
  ])('%o fails with one sentence: exit code 1', async (words, sentence) => {
    const { code, stdout, stderr } = await runPlainly(
      words.map((word) => (word === 'OUT' ? join(work, 'never') : word)),
    )
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(await readdir(work)).not.toContain('never')
  })
})

describe('inspect', () => {
  it('prints a model', async () => {
    const { code, stdout } = await runPlainly(['inspect', tiny, '--r', '4', '--target-modules', 'all-linear'])
    expect(code).toBe(0)
    for (const line of [
      'architecture  FalconForCausalLM',
      'parameters    19,200; 11,008 with two 4-bit ones counted as one',
      'LoRA          r=4 alpha=32 dropout=0 on query_key_value, dense, dense_h_to_4h, dense_4h_to_h: 3,072 trainable, 13.7931% of all',
      'files         27 tensors, 76.80 kB: F32 76.80 kB',
      'quantised     no',
      'tokenizer     none',
    ]) {
      expect(stdout).toContain(line)
    }
    expect(stdout).toMatch(/^to load +76\.80 kB at most/m)
    expect(stdout).toMatch(/^to train +[\d.]+ [kM]B at most: 4-bit weights/m)
  })

  it('prints an adapter, and everything for programs', async () => {
    const { stdout } = await runPlainly(['inspect', `${tiny}/adapters/lora-bias`])
    expect(stdout).toMatch(/^LoRA +r=4 alpha=8 dropout=0 bias lora_only on query_key_value$/m)
    const json = await runPlainly(['inspect', `${tiny}/adapters/rslora`, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      ...{ kind: 'adapter', parameters: 1024, ignored: [] },
      config: { r: 4, useRslora: true, targetModules: ['query_key_value'] },
    })
  })
})

describe('quantize', () => {
  it('writes what loading with the same options gives, and leaves what it is told to', async () => {
    const out = join(work, 'quantised')
    const options = ['--type', 'fp4', '--block-size', '128', '--no-double-quant', '--dtype', 'bf16']
    const ended = await runPlainly(['quantize', tiny, out, ...options, '--max-shard-size', '20KB', ...onCpu])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(
      /^.*quantised: 76\.80 kB became [\d.]+ kB in \d files; projections take 4\.250 bits a weight\n$/,
    )
    const quantize = { type: 'fp4', blockSize: 128, doubleQuant: false } as const
    const [theirs, ours] = [await loadModel(tiny, { device, quantize }), await loadModel(out, { device })]
    const [expected, actual] = [
      await modelFiles(theirs.model, { dtype: 'bf16' }),
      await modelFiles(ours.model, { dtype: 'bf16' }),
    ]
    expect(actual).toEqual(expected)
    for (const { model } of [theirs, ours]) model.dispose()
    const inspected = await runPlainly(['inspect', out])
    expect(inspected.stdout).toContain('quantised     8 layers in fp4 in blocks of 128\n')
    const part = await runPlainly(['quantize', tiny, join(work, 'part'), '--skip', 'h.0', '--skip', 'dense', ...onCpu])
    expect(part).toMatchObject({ code: 0 })
    expect((await runPlainly(['inspect', join(work, 'part')])).stdout).toContain(
      '3 layers in nf4 in blocks of 64, double',
    )
    const { quantization_config } = await readJson(diskFolder(join(work, 'part')), 'config.json')
    expect(quantization_config).toMatchObject({
      llm_int8_skip_modules: [
        'lm_head',
        ...['self_attention.query_key_value', 'self_attention.dense', 'mlp.dense_h_to_4h', 'mlp.dense_4h_to_h'].map(
          (name) => `transformer.h.0.${name}`,
        ),
        'transformer.h.1.self_attention.dense',
      ],
    })
    const again = await runPlainly(['quantize', out, join(work, 'twice')])
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(again.stderr).toBe(`error: quantize: ${out} is quantised already; give the model it was made from\n`)
  })

  it('copies the tokenizer, and keeps the precision of the rest', async () => {
    const out = join(work, 'speaking')
    expect(await runPlainly(['quantize', speaking, out, ...onCpu])).toMatchObject({ code: 0 })
    expect((await readdir(out)).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    expect(await readFile(join(out, 'tokenizer.json'))).toEqual(await readFile(`${speaking}/tokenizer.json`))
    const config = await readJson(diskFolder(out), 'config.json')
    expect(config).toMatchObject({ dtype: 'float16', quantization_config: { bnb_4bit_compute_dtype: 'float16' } })
  })

  it('on a full disk leaves what was there, says what it needed, and fails', async () => {
    const out = join(work, 'full')
    expect(await runPlainly(['quantize', tiny, out, ...onCpu])).toMatchObject({ code: 0 })
    const before = await readFile(join(out, 'model.safetensors'))
    const ended = await runPlainly(['quantize', tiny, out, '--type', 'int8', ...onCpu], { fileLimit: 16 })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(
      /^error: writeFilesAtomic: no room on the disk for .*full\/model\.safetensors: it takes \d+ bytes, the disk was full after \d+; nothing in its folder has changed\n$/,
    )
    expect((await readdir(out)).sort()).toEqual(['config.json', 'model.safetensors'])
    expect(await readFile(join(out, 'model.safetensors'))).toEqual(before)
  })
})

describe('merge', () => {
  const adapter = `${tiny}/adapters/lora-all-linear`

  it('writes base and adapter as one model', async () => {
    const out = join(work, 'merged')
    const ended = await runPlainly(['merge', tiny, adapter, out, '--dtype', 'f16', ...onCpu])
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('8 layers merged') as string })
    const { model } = await loadModel(tiny, { device })
    await openAdapter(model, adapter, { device })
    const expected = await modelFiles(model, { merge: true, dtype: 'f16' })
    expect(await readFile(join(out, 'model.safetensors'))).toEqual(Buffer.from(expected.get('model.safetensors')!))
    model.dispose()
  })

  it('rounds to 4 bits again only when one insists', async () => {
    const base = join(work, 'base-nf4')
    await runPlainly(['quantize', tiny, base, ...onCpu])
    const refused = await runPlainly(['merge', base, adapter, join(work, 'merged-nf4'), '--quantized', ...onCpu])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      /^error: saveModel: .* is nf4, and rounding it to nf4 again would lose most of a small update/,
    )
    const words = ['merge', base, adapter, join(work, 'merged-nf4')]
    const forced = await runPlainly([...words, '--quantized', '--force', ...onCpu])
    expect(forced).toMatchObject({ code: 0 })
    expect(forced.stdout).toMatch(/^rounding changed \d+\.\d % of the codes, and left \d+\.\d % of the update$/m)
    expect((await runPlainly(['inspect', join(work, 'merged-nf4')])).stdout).toContain('8 layers in nf4')
    expect(await runPlainly([...words.slice(0, 3), join(work, 'merged-full'), ...onCpu])).toMatchObject({ code: 0 })
    expect((await runPlainly(['inspect', join(work, 'merged-full')])).stdout).toMatch(/^quantised +no$/m)
  })
})

describe('an adapter’s config', () => {
  it('may have fields that are not known only where they are passed over, and it is told', async () => {
    const odd = join(work, 'odd')
    await cp(`${tiny}/adapters/lora`, odd, { recursive: true })
    const config = await readFile(join(odd, 'adapter_config.json'), 'utf8')
    await writeFile(join(odd, 'adapter_config.json'), config.replace('{', '{\n  "strength": 2,'))
    const words = ['merge', tiny, odd, join(work, 'merged-odd'), ...onCpu]
    const refused = await runPlainly(words)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('error: adapter_config.json: the field "strength" is not known')
    expect(await runPlainly([...words, '--ignore-fields', 'strength'])).toMatchObject({
      ...{ code: 0, stdout: expect.stringContaining('2 layers merged') as string },
      stderr:
        'warning: adapter_config.json: the field "strength" is not known; 2 does nothing here, and is saved again with the adapter\n',
    })
  })
})

describe('generate', () => {
  it('says what is missing where there is no tokenizer', async () => {
    const { code, stderr } = await runCli(['generate', tiny, '--prompt', 'x', ...onCpu])
    expect(code).toBe(1)
    expect(stderr).toMatch(noTokenizer)
    expect(stderr).toContain('generate: test/fixtures/tiny-falcon-rw has no tokenizer.json')
  })

  it('continues a prompt, given as a flag or on stdin, as the library does', async () => {
    const { model, tokenizer } = await loadModel(speaking, { device })
    const expected = await completeText(model, tokenizer!, 'What is diabetes?', { maxNewTokens: 6 })
    model.dispose()
    const words = ['generate', speaking, '--max-new-tokens', '6', ...onCpu]
    const flag = await runPlainly([...words, '--prompt', 'What is diabetes?'])
    expect(flag).toEqual({ code: 0, stderr: '', stdout: `${expected}\n` })
    expect(await runPlainly(words, { input: 'What is diabetes?\n' })).toEqual(flag)
  })

  it('draws by its seed, from a quantised model', async () => {
    const words = ['generate', speaking, '--prompt', 'Asthma', '--max-new-tokens', '8', '--quantize', 'nf4', ...onCpu]
    const drawn = (seed: string) => runPlainly([...words, '--temperature', '0.9', '--top-p', '0.9', '--seed', seed])
    const [one, same, other] = await Promise.all([drawn('1'), drawn('1'), drawn('2')])
    expect(one).toMatchObject({ code: 0, stderr: '' })
    expect(same).toEqual(one)
    expect(other.stdout).not.toBe(one.stdout)
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends on %s with %i', async (signal, code) => {
    const words = ['generate', speaking, '--prompt', 'Asthma is', '--max-new-tokens', '1000', ...onCpu]
    let sent = 0
    const watch = (_: string, interrupt: (signal: NodeJS.Signals) => void) =>
      sent++ === 0 ? interrupt(signal) : undefined
    const ended = await runCli([...words, '--temperature', '2'], { watch })
    expect(ended).toMatchObject({ code, stderr: 'stopped\n' })
    expect(ended.stdout).not.toBe('')
  })

  it('that waits for an address is left at once', async () => {
    const server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const asked = new Promise<void>((resolve) => void server.once('request', () => resolve()))
    const words = ['inspect', `http://127.0.0.1:${(server.address() as AddressInfo).port}/tiny`]
    const ended = await runCli(words, { started: (interrupt) => void asked.then(() => interrupt('SIGTERM')) })
    expect(ended).toEqual({ code: 143, stdout: '', stderr: 'stopped\n' })
    server.closeAllConnections()
    server.close()
  })
})

it('a broken config ends in a sentence too', async () => {
  const folder = await mkdtemp(join(work, 'broken-'))
  await writeFile(join(folder, 'config.json'), '{"model_type": "gpt2"}')
  const { code, stderr } = await runPlainly(['inspect', folder])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: parseModelConfig: config\.json has model_type "gpt2"; known are falcon, .*\n$/)
})
