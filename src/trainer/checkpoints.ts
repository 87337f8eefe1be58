import { checksumOf } from '../core/checksum.ts'
import { MedAwareError } from '../core/errors.ts'
import { isJsonObject } from '../core/json.ts'
import { type Folder, readJson } from '../io/sources/folder.ts'
import type { FileContents, RunStore } from '../io/runs/run-store.ts'

/** The file that makes a checkpoint one: it is written last, and says what the others must be. */
const manifestName = 'manifest.json'

/** What a manifest says of a file. */
interface FileMark {
  readonly bytes: number
  readonly checksum: string
}

/**
 * The checkpoints of a run in its store, a folder each, as transformers names them: `checkpoint-<step>`. One is there
 * when its manifest is, which comes last and goes first, so that a program may end at any moment.
 */
export class Checkpoints {
  readonly #store: RunStore

  constructor(store: RunStore) {
    this.#store = store
  }

  /** Steps that there are folders of, rising; what is in them is not looked at. */
  async steps(): Promise<readonly number[]> {
    const steps = (await this.#store.list()).flatMap((name) => {
      const [, step] = /^checkpoint-(\d+)$/.exec(name) ?? []
      return step === undefined ? [] : [Number(step)]
    })
    return steps.sort((a, b) => a - b)
  }

  /** Writes one; what was there of this step before goes first. @throws MedAwareError `disk`. */
  async save(step: number, files: FileContents): Promise<void> {
    await this.remove(step)
    const marks = [...files].map(([name, content]): readonly [string, FileMark] => [name, markOf(bytesOf(content))])
    const manifest = JSON.stringify({ step, files: Object.fromEntries(marks) }, null, 2)
    await this.#store.write(folderOf(step), new Map([...files, [manifestName, `${manifest}\n`]]))
  }

  /**
   * The newest whole one. @param onTorn Told of each newer one that is passed over, and why.
   * @returns null where there is none.
   */
  async newest(onTorn: (message: string) => void): Promise<{ readonly step: number; readonly folder: Folder } | null> {
    for (const step of (await this.steps()).toReversed()) {
      const folder = this.#store.open(folderOf(step))
      const fault = await faultOf(folder)
      if (fault === null) return { step, folder }
      onTorn(`${folder.name} is passed over: ${fault}`)
    }
    return null
  }

  /** Removes the oldest until `limit` are left. @param keep Steps that stay whatever their age. */
  async rotate(limit: number, keep: ReadonlySet<number>): Promise<void> {
    const steps = await this.steps()
    const old = steps.filter((step) => !keep.has(step)).slice(0, Math.max(0, steps.length - limit))
    for (const step of old) await this.remove(step)
  }

  /** Removes one, if it is there. */
  async remove(step: number): Promise<void> {
    await this.#store.remove(folderOf(step), manifestName)
  }

  /** To read one. */
  open(step: number): Folder {
    return this.#store.open(folderOf(step))
  }
}

function folderOf(step: number): string {
  return `checkpoint-${step}`
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content
}

function markOf(bytes: Uint8Array): FileMark {
  return { bytes: bytes.length, checksum: checksumOf(bytes) }
}

const notWhole = 'it is not whole, the program ended while it was written'

/** What is wrong with a checkpoint, in words; null for nothing. */
async function faultOf(folder: Folder): Promise<string | null> {
  try {
    // In a page a file is there, and empty, from when it is begun to when it is written.
    if (await isEmpty(folder, manifestName)) return notWhole
    const { files } = await readJson(folder, manifestName)
    if (!isJsonObject(files)) return `its ${manifestName} lists no files`
    for (const [name, mark] of Object.entries(files)) {
      if (!isJsonObject(mark) || typeof mark['bytes'] !== 'number') return `its ${manifestName} is torn at ${name}`
      const source = await folder.open(name)
      try {
        if (source.byteLength !== mark['bytes']) return `${name} has ${source.byteLength} bytes, not ${mark['bytes']}`
        const bytes = await source.read(0, source.byteLength)
        if (checksumOf(bytes) !== mark['checksum']) return `${name} is damaged, its checksum is not the saved one`
      } finally {
        await source.close?.()
      }
    }
    return null
  } catch (error) {
    if (!(error instanceof MedAwareError)) throw error
    return error.code === 'not-found' ? notWhole : error.message
  }
}

async function isEmpty(folder: Folder, fileName: string): Promise<boolean> {
  const source = await folder.open(fileName)
  await source.close?.()
  return source.byteLength === 0
}
