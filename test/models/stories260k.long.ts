import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { generateTokens } from '../../src/generate/generate.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { testDevices } from '../device/devices.ts'
import { llama2cFiles, llama2cPieces } from './llama2c-files.ts'

const folder = join(import.meta.dirname, '../../../shared/models/stories260K')
const isThere = existsSync(folder)
if (!isThere) console.warn('NOT CHECKED: the stories260K model is not on this machine')

const devices = isThere ? await testDevices() : []
afterAll(() => devices.forEach((device) => device.dispose()))

// What llama2.c's doc/stories260K.md says that its run.c writes at temperature 0, in 256 steps.
const story = `Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with your ball, but I can't find it."
Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
Lily didn't want to help her mom, so she said, "I'm sorry, mom. I didn't know what to do." Her mom said, "Don't worry, Lily. We can help you.`

describe.skipIf(!isThere)('stories260K, a trained model of Llama’s architecture', () => {
  it.each(devices)('writes its documented story word for word on $description', async (device) => {
    const { files } = llama2cFiles(readFileSync(join(folder, 'stories260K.bin')))
    const pieces = llama2cPieces(readFileSync(join(folder, 'tok512.bin')))
    const { model } = await loadModel(files, { device })
    const ids: number[] = []
    for await (const [id] of generateTokens(model, [[1]], { maxNewTokens: 256 })) ids.push(id ?? -1)
    model.dispose()
    const text = Buffer.concat(ids.map((id) => pieces[id] ?? new Uint8Array())).toString()
    expect(text.trimStart()).toBe(story)
  })
})
