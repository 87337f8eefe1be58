import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { dialogueOf } from '../../../examples/medquad/dialogue.ts'
import type { Summary } from '../../../examples/medquad/summary.ts'
import { applyChatTemplate, loadTokenizer, type TextTokenizer } from '../../../src/index.ts'
import { startFakeHub } from '../../io/huggingface/fake-hub.ts'
import { tempFolder } from './medquad-files.ts'
import { start } from './run-script.ts'
import { saveTinyChatModel } from './tiny-chat-model.ts'

const header =
  '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' +
  '<|im_start|>user\nWhat is gout?<|im_end|>\n<|im_start|>assistant\n'

let files: Record<string, Buffer>
let tokenizer: TextTokenizer
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'medquad-chat-'))
  await saveTinyChatModel(folder)
  tokenizer = await openTokenizer(folder)
  const names = await readdir(folder)
  files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))])))
  await rm(folder, { recursive: true })
})

describe('a model with a chat template', () => {
  it('is asked by it, and learns the answer and its end alone', async () => {
    const { promptOf, examplesOf } = dialogueOf(tokenizer)
    expect(await promptOf('What is gout?')).toBe(header)
    const [example] = await examplesOf([{ question: 'What is gout?', answer: 'A disease.' }], 256)
    const ids = tokenizer.encode(`${header}A disease.<|im_end|>\n`, { addSpecialTokens: false })
    expect([...(example?.inputIds ?? [])]).toEqual(ids)
    const learned = [...(example?.labels ?? [])].filter((label) => label >= 0)
    expect(learned).toEqual(tokenizer.encode('A disease.<|im_end|>', { addSpecialTokens: false }))
    expect(learned.at(-1)).toBe(303)
    expect(example?.bytes).toBe('A disease.'.length)
    const prompt = tokenizer.encode(header, { addSpecialTokens: false })
    expect(example?.labels.findIndex((label) => label >= 0)).toBe(prompt.length)
    // What the length leaves nothing of is left out.
    expect(await examplesOf([{ question: 'What is gout?', answer: 'A disease.' }], prompt.length)).toEqual([])
  })

  it('is asked with one begin of text, where both tokenizer and template write it', async () => {
    const folder = await tempFolder()
    const llama = fileURLToPath(new URL('../../fixtures/tokenizer/llama', import.meta.url))
    const text = await readFile(join(llama, 'tokenizer_config.json'), 'utf8')
    const template = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
    const config = { ...(JSON.parse(text) as object), chat_template: template }
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
    await copyFile(join(llama, 'tokenizer.json'), join(folder, 'tokenizer.json'))
    const withBegin = await openTokenizer(folder)
    expect(await applyChatTemplate(withBegin, [{ role: 'user', content: 'Hi' }])).toBe('<s>Hi')
    const ids = withBegin.encode(await dialogueOf(withBegin).promptOf('Hi'))
    expect(ids).toEqual(withBegin.encode('<s>Hi', { addSpecialTokens: false }))
  })

  it('is fine-tuned by its short name, from the Hub once, and measured question by question', async () => {
    const home = await tempFolder()
    const hub = await startFakeHub(files, { name: 'HuggingFaceTB/SmolLM2-135M-Instruct' })
    const environment = { HF_ENDPOINT: hub.endpoint, HF_HOME: home }
    const args = [
      ...['--model', 'smollm2-135m', '--data', 'examples/medquad/sample', '--device', 'cpu', '--threads', '1'],
      ...['--steps', '2', '--batch', '2', '--accumulate', '1', '--eval', '6'],
    ]
    const out = join(home, 'first')
    const first = await start('medquad', [...args, '--out', out], { environment })
    expect(first.stderr).not.toContain('error')
    expect(first.code).toBe(0)
    expect(first.stdout).toContain('LoRA r=16 alpha=32 dropout=0.05 on q_proj, v_proj')
    expect(first.stdout.match(/^Q {2}/gm)).toHaveLength(10)
    expect(hub.heard.some(({ path }) => path.includes('model.safetensors'))).toBe(true)
    await hub.close()

    const read = async (name: string) => JSON.parse(await readFile(join(out, name), 'utf8')) as unknown
    const summary = (await read('summary.json')) as Summary
    const seconds = expect.any(Number) as number
    expect(summary.seconds).toEqual({
      ...{ training: seconds, validation: seconds, heldOutBefore: seconds, heldOutAfter: seconds },
    })
    expect(summary.plannedMemoryBytes).toBeGreaterThan(0)
    const heldOut = (await read('held-out.json')) as HeldOutFile
    expect(heldOut.questions).toHaveLength(6)
    const total = (key: 'natsBefore' | 'natsAfter' | 'tokens') =>
      heldOut.questions.reduce((sum, one) => sum + one[key], 0)
    expect(total('natsBefore') / total('tokens')).toBeCloseTo(summary.loss.before, 5)
    expect(total('natsAfter') / total('tokens')).toBeCloseTo(summary.loss.after, 5)
    expect(heldOut.change.loss.value).toBeCloseTo(summary.loss.after - summary.loss.before, 5)
    const answers = (await read('answers.json')) as { id: string; prompt: string; before: string; after: string }[]
    expect(new Set(answers.map(({ id }) => id)).size).toBe(10)
    for (const { prompt } of answers) expect(prompt).toMatch(/^<\|im_start\|>system\n[^]*<\|im_start\|>assistant\n$/)

    // Kept as huggingface_hub keeps it.
    expect(await readdir(join(home, 'hub'))).toContain('models--HuggingFaceTB--SmolLM2-135M-Instruct')
  })
})

async function openTokenizer(folder: string): Promise<TextTokenizer> {
  const found = await loadTokenizer(folder)
  if (found === null) throw new Error(`${folder} has no tokenizer`)
  return found
}

interface HeldOutFile {
  readonly change: { readonly loss: { readonly value: number } }
  readonly questions: readonly { readonly natsBefore: number; readonly natsAfter: number; readonly tokens: number }[]
}
