/** How far saving is. */
export interface SaveProgress {
  readonly tensor: string
  readonly file: string
  /** Tensors. */
  readonly done: number
  readonly total: number
  /** Bytes of tensors. */
  readonly bytesDone: number
  readonly bytesTotal: number
}

/** A tensor of a file, made when it is its turn. */
export interface TensorToLoad {
  readonly name: string
  readonly byteLength: number
  bytes(): Promise<ArrayBufferView>
}

/** Whom saving tells, and what ends it. */
export interface LoaderOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: SaveProgress) => void) | undefined
  /** Waits until a device has done what it was asked. Default: there is none. */
  readonly settle?: () => Promise<void>
}

/**
 * Makes one tensor after another, and tells of it; the call that it gives throws `signal`'s reason, and what `bytes`
 * throws.
 */
export function tensorLoader(
  tensors: readonly TensorToLoad[],
  { signal, onProgress, settle }: LoaderOptions,
): (name: string, file: string) => Promise<ArrayBufferView> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const bytesTotal = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  let [done, bytesDone] = [0, 0]
  return async (name, file) => {
    await settle?.()
    signal?.throwIfAborted()
    const bytes = (await byName.get(name)?.bytes()) ?? new Uint8Array(0)
    bytesDone += bytes.byteLength
    done++
    onProgress?.({ tensor: name, file, done, total: tensors.length, bytesDone, bytesTotal })
    return bytes
  }
}
