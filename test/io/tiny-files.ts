import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors, type TensorToWrite } from '../../src/safetensors/writer.ts'
import { readFixture } from '../fixtures/open-fixture.ts'

/** The folder of the tiny Falcon-RW. */
export const tinyFolder = join(import.meta.dirname, '../fixtures/tiny-falcon-rw')

export const tinyBytes = async (name: string) => Uint8Array.from(await readFixture(`tiny-falcon-rw/${name}`))

/** Files as a page is given them. */
export function filesOf(contents: Readonly<Record<string, Uint8Array | string>>): File[] {
  return Object.entries(contents).map(([name, content]) => {
    return new File([typeof content === 'string' ? content : Uint8Array.from(content)], name)
  })
}

/** Every tensor of a file, to be written again. */
export async function tensorsOf(bytes: Uint8Array): Promise<TensorToWrite[]> {
  const reader: TensorReader = await openSafetensors(bytesSource(bytes))
  return Promise.all(
    reader.names.map(async (name) => {
      const { dtype, shape } = reader.info(name)
      return { name, dtype, shape, data: await reader.read(name) }
    }),
  )
}

/** The tiny Falcon-RW's files with its tensors changed. */
export async function changedTiny(change: (tensors: TensorToWrite[]) => TensorToWrite[]): Promise<File[]> {
  const tensors = change(await tensorsOf(await tinyBytes('model.safetensors')))
  return filesOf({
    'config.json': await tinyBytes('config.json'),
    'model.safetensors': writeSafetensors(tensors, { format: 'pt' }),
  })
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'peft-medaware-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}
