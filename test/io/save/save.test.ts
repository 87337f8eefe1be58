import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../../src/core/float16.ts'
import { openAdapter, saveAdapter } from '../../../src/io/adapter-folder.ts'
import { restoreRun, saveRun } from '../../../src/io/checkpoint-folder.ts'
import { diskFolder, fileFolder, readJson, readText, writeFolder } from '../../../src/io/sources/folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { openFolder } from '../../../src/io/sources/open-folder.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import type { SaveDType } from '../../../src/io/save/tensors-to-save.ts'
import type { PretrainedLm } from '../../../src/models/causal-lm.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { tinyBatch, tinyFalcon } from '../../peft/tiny-falcon.ts'
import { randomExamples } from '../../train/tiny-run.ts'
import { filesOf, temporaryFolder, tinyFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })

async function numbersOf(model: PretrainedLm): Promise<Map<string, Float32Array>> {
  const numbers = new Map<string, Float32Array>()
  for (const [name, weight] of model.namedWeights()) if ('dtype' in weight) numbers.set(name, await weight.read())
  return numbers
}

async function logitsOf(model: PretrainedLm): Promise<Float32Array> {
  return model.forward((await tinyBatch()).batch).read()
}

describe('modelFiles', () => {
  const roundings: Readonly<Record<SaveDType, (values: Float32Array) => Float32Array>> = {
    f32: (values) => values,
    f16: (values) => f16ToF32(f32ToF16(values)),
    bf16: (values) => bf16ToF32(f32ToBf16(values)),
  }
  it.each(Object.entries(roundings))('in %s is read back as the same model, rounded', async (dtype, rounded) => {
    const model = await tinyFalcon(device)
    const files = await modelFiles(model, { dtype: dtype as SaveDType })
    expect([...files.keys()]).toEqual(['model.safetensors', 'config.json'])
    const { model: again, storage } = await loadModel(filesOf(Object.fromEntries(files)), { device })
    expect(again.config).toEqual(model.config)
    expect(storage.checkpointBytes).toBe(storage.parameters * (dtype === 'f32' ? 4 : 2))
    const [before, after] = [await numbersOf(model), await numbersOf(again)]
    expect([...after.keys()]).toEqual([...before.keys()])
    for (const [name, values] of before) expect(after.get(name)).toEqual(rounded(values))
    again.dispose()
    model.dispose()
  })

  it('of a model in f16 hold what it holds', async () => {
    const { model } = await loadModel(tinyFolder, { device, dtype: 'f16' })
    const files = await modelFiles(model, { dtype: 'f16' })
    const { model: again } = await loadModel(filesOf(Object.fromEntries(files)), { device, dtype: 'f16' })
    const [before, after] = [await numbersOf(model), await numbersOf(again)]
    for (const [name, values] of before) expect(after.get(name)).toEqual(f16ToF32(f32ToF16(values)))
    again.dispose()
    model.dispose()
  })

  it('say what transformers wants to know', async () => {
    const model = await tinyFalcon(device)
    const files = filesOf(Object.fromEntries(await modelFiles(model, { dtype: 'bf16' })))
    const config = await readJson(fileFolder(files), 'config.json')
    const original = await readJson(diskFolder(tinyFolder), 'config.json')
    const same = Object.keys(config).filter((key) => key !== 'dtype')
    for (const key of same) expect(config[key], key).toEqual(original[key])
    expect(config['dtype']).toBe('bfloat16')
    model.dispose()
  })
})

describe('an adapter', () => {
  it('is opened from its folder as it was saved', async () => {
    const [model, other] = [await tinyFalcon(device), await tinyFalcon(device)]
    const adapter = attachLora(
      model,
      { r: 4, loraAlpha: 3, initLoraWeights: false, targetModules: 'all-linear' },
      { device },
    )
    const path = join(await temporaryFolder(), 'new', 'adapter')
    await saveAdapter(adapter, path, { baseModel: 'tiny' })
    expect(await readdir(path)).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors'])
    const opened = await openAdapter(other, path, { device, trainable: true })
    expect(opened.config.baseModelNameOrPath).toBe('tiny')
    expect(opened.namedTrainableParameters().size).toBe(16)
    expect(await logitsOf(other)).toEqual(await logitsOf(model))
    expect(await numbersOf(other)).toEqual(await numbersOf(model))
    for (const each of [adapter, opened]) each.detach()
    for (const each of [model, other]) each.dispose()
  })

  it('is not opened from a folder without it', async () => {
    const model = await tinyFalcon(device)
    const [path, before] = [await temporaryFolder(), device.memory.liveBytes]
    await expect(openAdapter(model, path, { device })).rejects.toThrow(
      refusal('not-found', `fileSource: there is no ${path}/adapter_config.json`),
    )
    await writeFolder(path, new Map([['adapter_config.json', '{"peft_type":"LORA"}']]))
    await expect(openAdapter(model, path, { device })).rejects.toThrow(
      refusal('not-found', `fileSource: there is no ${path}/adapter_model.safetensors`),
    )
    expect(device.memory.liveBytes).toBe(before)
    model.dispose()
  })
})

describe('a run', () => {
  it('is restored from its folder, and another folder refused', async () => {
    const model = (await tinyFalcon(device)).setRequiresGrad(true)
    const fresh = (await tinyFalcon(device)).setRequiresGrad(true)
    const options = { batchSize: 2, maxSteps: 3, learningRate: 0.01 }
    const [run, again] = [
      new TrainingRun(model, randomExamples(4), options),
      new TrainingRun(fresh, randomExamples(4), options),
    ]
    for await (const { step } of run) if (step === 2) break
    const path = await temporaryFolder()
    await saveRun(run, path)
    expect(await readdir(path)).toEqual(['trainer_state.json', 'training_state.safetensors'])
    await restoreRun(again, path)
    expect(again.step).toBe(2)
    expect(await numbersOf(fresh)).toEqual(await numbersOf(model))
    await expect(restoreRun(again, [])).rejects.toThrow(
      refusal('not-found', 'the given files: no training_state.safetensors; there are none'),
    )
    for (const each of [run, again, model, fresh]) each.dispose()
  })
})

describe('a folder', () => {
  it('is written file by file, each whole or not at all, and nothing else stays in it', async () => {
    const path = await temporaryFolder()
    await writeFile(join(path, 'a'), 'old')
    await mkdir(join(path, 'b', 'inside'), { recursive: true })
    const files = new Map<string, Uint8Array | string>([
      ['a', 'néw'],
      ['c', Uint8Array.of(1, 2)],
      ['b', 'a folder is in the way'],
      ['d', 'never reached'],
    ])
    await expect(writeFolder(path, files)).rejects.toMatchObject({
      code: 'disk',
      message: expect.stringContaining(`writeFilesAtomic: cannot use ${path}/b, `) as string,
    })
    expect(await readdir(path)).toEqual(['a', 'b', 'c'])
    expect(await readText(diskFolder(path), 'a')).toBe('néw')
    expect([...(await readFile(join(path, 'c')))]).toEqual([1, 2])
    await writeFolder(join(path, 'deep', 'er'), new Map([['a', '1']]))
    expect(await readdir(join(path, 'deep', 'er'))).toEqual(['a'])
  })

  it('is a path, files, or a folder as it is', async () => {
    const files = filesOf({ 'a.json': '{"x":1}' })
    expect(await readJson(await openFolder(files), 'a.json')).toEqual({ x: 1 })
    expect(await readJson(await openFolder(new Set(files)), 'a.json')).toEqual({ x: 1 })
    const folder = fileFolder(files)
    expect(await openFolder(folder)).toBe(folder)
    expect([await folder.has('a.json'), await folder.has('b.json')]).toEqual([true, false])
    await expect(folder.open('b.json')).rejects.toThrow(
      refusal('not-found', 'the given files: no b.json; there are a.json'),
    )
    const disk = await openFolder(tinyFolder)
    expect([await disk.has('config.json'), await disk.has('nothing')]).toEqual([true, false])
    await expect(readText(disk, 'nothing')).rejects.toThrow(
      refusal('not-found', `fileSource: there is no ${tinyFolder}/nothing`),
    )
  })
})
