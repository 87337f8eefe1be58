import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { saveAdapter } from '../../src/io/adapter-folder.ts'
import { saveModelCard } from '../../src/io/card-file.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'
import { temporaryFolder } from './tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const adapter = attachLora(await tinyFalcon(device), { baseModelNameOrPath: 'owner/base' }, { device })

/** Saves the adapter beside a card, and reads what became of that and what was told. */
async function savedBeside(card: string, content = {}) {
  const folder = await temporaryFolder()
  const path = join(folder, 'README.md')
  await writeFile(path, card)
  const told: string[] = []
  await saveAdapter(adapter, folder, { ...content, onWarning: (message) => void told.push(message) })
  const text = await readFile(path, 'utf8')
  const [, front = '', body = ''] = /^---\n([^]*?)\n---\n([^]*)$/.exec(text) ?? []
  return {
    folder,
    path,
    text,
    body,
    front,
    told: told.filter((each) => /README/.test(each)),
  }
}

const metadata = {
  base_model: 'owner/base',
  library_name: 'peft',
  pipeline_tag: 'text-generation',
  tags: ['base_model:adapter:owner/base', 'lora', 'transformers', 'peft-medaware'],
}

it('keeps a card that somebody wrote or edited, with new metadata, as PEFT does', async () => {
  const own =
    '---\nlicense: mit # as agreed\nbase_model: old/base\ntags:\n- mine\n- lora\n---\r\n# Mine\n\nDo not touch.\n'
  const kept = await savedBeside(own, { license: 'cc-by-4.0' })
  expect(kept.body).toBe('# Mine\n\nDo not touch.\n')
  expect(kept.text).toContain('license: mit # as agreed\n')
  expect(parse(kept.front)).toEqual({
    ...metadata,
    license: 'mit',
    tags: ['mine', 'lora', 'base_model:adapter:owner/base', 'transformers', 'peft-medaware'],
  })
  expect(kept.told).toEqual([
    `${kept.path} was written or edited by somebody, and is kept with new metadata; its figures may be old ones. Remove it to get a new one`,
  ])
  const plain = await savedBeside('# No metadata\n')
  expect(plain.body).toBe('\n# No metadata\n')
  expect(parse(plain.front)).toEqual(metadata)
  const broken = '---\nlicense: [\n---\n# Mine\n'
  expect((await savedBeside(broken)).text).toBe(broken)
})

it('writes figures that were measured afterwards', async () => {
  const folder = await temporaryFolder()
  const read = () => readFile(join(folder, 'README.md'), 'utf8')
  await saveAdapter(adapter, folder, { medical: true })
  expect(await read()).toContain('**No medical advice.**')
  await saveModelCard(adapter, folder, { results: [{ task: 'a', metric: 'accuracy', figure: { value: 0.5 } }] })
  expect(await read()).toContain('| a | accuracy |  | **0.5000** |')
  expect(await read()).not.toContain('medical advice')
  await writeFile(join(folder, 'README.md'), `${await read()}\nEdited.\n`)
  await saveModelCard(adapter, folder, {})
  expect(await read()).toContain('| a | accuracy |')
  await expect(saveModelCard(adapter, folder, { figure: {} } as never)).rejects.toThrow('did you mean figures?')
})
