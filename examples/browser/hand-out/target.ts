import { download } from './download.ts'

/** Where a file goes, piece by piece. */
export interface Target {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** Makes the file whole. */
  close(): Promise<void>
  /** Leaves nothing behind. */
  abort(): Promise<void>
}

/** What Chromium lets a page do, and the DOM's types do not have. */
interface Picker {
  showSaveFilePicker(options: { suggestedName: string }): Promise<FileSystemFileHandle>
}

/**
 * A place for a large file: where the person chooses it, so that it need not be in memory; else it is gathered, and
 * downloaded when it is whole. Asked within a click. @returns null where the person chooses none.
 */
export async function openTarget(name: string, type: string): Promise<Target | null> {
  const asks: object = globalThis
  if (!hasPicker(asks)) return gathered(name, type)
  try {
    const handle = await asks.showSaveFilePicker({ suggestedName: name })
    const stream = await handle.createWritable()
    return { write: (bytes) => stream.write(bytes), close: () => stream.close(), abort: () => stream.abort() }
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null
    throw error
  }
}

function gathered(name: string, type: string): Target {
  // A Blob of blobs may lie on the disk, where a list of arrays is in memory.
  let parts: Blob[] = []
  return {
    write: async (bytes) => void parts.push(new Blob([bytes])),
    close: async () => download(name, parts, type),
    abort: async () => {
      parts = []
    },
  }
}

function hasPicker(given: object): given is Picker {
  return 'showSaveFilePicker' in given
}
