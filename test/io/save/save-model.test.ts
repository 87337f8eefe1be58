import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { saveModel } from '../../../src/io/save/save-model.ts'
import type { SaveProgress } from '../../../src/io/save/tensor-loader.ts'
import type { PretrainedLm } from '../../../src/models/causal-lm.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { tinyFalcon } from '../../peft/tiny-falcon.ts'
import { filesOf, temporaryFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

async function numbersOf(model: PretrainedLm): Promise<Map<string, Float32Array>> {
  const numbers = new Map<string, Float32Array>()
  for (const [name, weight] of model.namedWeights()) if ('dtype' in weight) numbers.set(name, await weight.read())
  return numbers
}

describe('saveModel', () => {
  it('writes a folder that loads as the same model, and says what it wrote', async () => {
    const model = await tinyFalcon(device)
    const path = join(await temporaryFolder(), 'new/model')
    const saved = await saveModel(model, path)
    expect(saved.files).toEqual(['model.safetensors', 'config.json'])
    const sizes = await Promise.all(saved.files.map(async (name) => (await stat(join(path, name))).size))
    expect(saved.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
    const { model: again } = await loadModel(path, { device })
    expect(await numbersOf(again)).toEqual(await numbersOf(model))
    again.dispose()
    model.dispose()
  })

  it('spreads the weights over shards with an index, in place of an earlier save', async () => {
    const model = await tinyFalcon(device)
    const path = await temporaryFolder()
    await saveModel(model, path)
    await writeFile(join(path, 'model-notes.txt'), 'mine')
    const { files } = await saveModel(model, path, { maxShardSize: '30KB' })
    expect(files).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
      'model.safetensors.index.json',
      'config.json',
    ])
    expect((await readdir(path)).sort()).toEqual([...files, 'model-notes.txt'].sort())
    const index = JSON.parse(await readFile(join(path, 'model.safetensors.index.json'), 'utf8')) as {
      metadata: object
      weight_map: Record<string, string>
    }
    expect(index.metadata).toEqual({ total_parameters: 19_200, total_size: 4 * 19_200 })
    expect(index.weight_map['transformer.word_embeddings.weight']).toBe('model-00001-of-00003.safetensors')
    const { model: again } = await loadModel(path, { device })
    expect(await numbersOf(again)).toEqual(await numbersOf(model))
    again.dispose()
    // And back to one file, which the index would hide.
    await saveModel(model, path)
    expect((await readdir(path)).sort()).toEqual(['config.json', 'model-notes.txt', 'model.safetensors'])
    model.dispose()
  })

  it('copies the tokenizer and the generation config as they are', async () => {
    const model = await tinyFalcon(device)
    const path = await temporaryFolder()
    const contents = {
      'tokenizer.json': '{ "é": 1 }',
      'generation_config.json': '{"eos_token_id": 2}\n',
      'model.bin': 'x',
    }
    const { files } = await saveModel(model, path, { copyFrom: filesOf(contents) })
    expect(files).toEqual(['model.safetensors', 'generation_config.json', 'tokenizer.json', 'config.json'])
    expect(await readFile(join(path, 'tokenizer.json'), 'utf8')).toBe(contents['tokenizer.json'])
    expect(await readFile(join(path, 'generation_config.json'), 'utf8')).toBe(contents['generation_config.json'])
    model.dispose()
  })

  it('tells how far it is, tensor by tensor, of which one is in memory', async () => {
    const model = await tinyFalcon(device)
    const told: SaveProgress[] = []
    await saveModel(model, await temporaryFolder(), { dtype: 'f16', onProgress: (progress) => told.push(progress) })
    expect(told.map(({ done }) => done)).toEqual(told.map((_, i) => i + 1))
    expect(told.at(-1)).toMatchObject({ done: 27, total: 27, bytesDone: 2 * 19_200, bytesTotal: 2 * 19_200 })
    model.dispose()
  })

  it('leaves an earlier save as it was when it is aborted', async () => {
    const model = await tinyFalcon(device)
    const path = await temporaryFolder()
    await saveModel(model, path, { maxShardSize: '30KB' })
    const contents = async () => {
      const names = (await readdir(path)).sort()
      return Promise.all(names.map(async (name) => [name, (await readFile(join(path, name))).toString('base64')]))
    }
    const before = await contents()
    const stop = new AbortController()
    const onProgress = ({ done }: SaveProgress) => done === 20 && stop.abort(new Error('Ctrl-C'))
    await expect(saveModel(model, path, { dtype: 'f16', signal: stop.signal, onProgress })).rejects.toThrow('Ctrl-C')
    expect(await contents()).toEqual(before)
    model.dispose()
  })

  it('does not begin with a senseless shard size or a place that cannot be written', async () => {
    const model = await tinyFalcon(device)
    const path = await temporaryFolder()
    await expect(saveModel(model, join(path, 'a'), { maxShardSize: '5 gigs' })).rejects.toMatchObject({
      code: 'config',
      message: `saveModel: maxShardSize must be bytes or a size in KB, MB, GB or TB such as '5GB', not "5 gigs"`,
    })
    expect(await readdir(path)).toEqual([])
    await mkdir(join(path, 'config.json'))
    await expect(saveModel(model, path)).rejects.toThrow(`writeFilesAtomic: cannot use ${path}/config.json, `)
    model.dispose()
  })
})
