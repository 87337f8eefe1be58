import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { TensorDescription } from '../safetensors/writer.ts'
import type { StoredMatrix, StorageRecipe } from '../tensor/stored-matrix.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * A way to store a matrix in fewer bits: a row of the table in `formats.ts`. It knows the format's options, its tensors
 * in files and its matrices; how kernels read one is said by the matrix (`StoredMatrix.storage`).
 */
export interface StorageFormat<M extends StoredMatrix = StoredMatrix, Type extends string = string> {
  /** Its key in `MemoryPlan.weights`, and what it is called there: '4-bit' of '4-bit weights'. */
  readonly name: string
  readonly words: string
  /** The types it has, as `quantize` and `StorageRecipe` call them. */
  readonly types: readonly Type[]
  /** Whether a folder of safetensors can have it, which `save` writes. Default true. */
  readonly isSaved?: boolean
  /** Whether a matrix is in this format. */
  owns(matrix: StoredMatrix): matrix is M
  /** @throws MedAwareError `config` for options of `quantize` that it does not have. */
  check(options: FormatOptions): void
  /** Stores x [rows, columns] f32 on its device, by kernels alone, so that a memory plan can go through it dry. */
  quantize(x: Tensor, options: FormatOptions): M
  /**
   * @throws MedAwareError `numeric` where what a matrix was made from is more than the format holds. Default: it holds
   * all.
   */
  verify?(name: string, matrix: M): Promise<void>
  /** The weight that a checkpoint's tensor stands beside, by its name; `null` for a tensor that stands by itself. */
  weightBeside(tensor: string): string | null
  /** A weight that a checkpoint has in this format, by the headers alone; `null` for one that it has not. */
  find(checkpoint: Checkpoint, weight: string): StoredWeight | null
  /** What a checkpoint holds of a matrix. @param owner Of one like `like`, which is only for shapes and the recipe. */
  save(name: string, like: M, owner: Lender<M>, dtype: PlainWord): Promise<TensorsOfMatrix>
  /**
   * The `quantization_config` of a config.json; `null` where transformers knows none. @param skipped Layers that keep
   * their numbers.
   */
  config(
    recipe: StorageRecipe,
    computeDType: string,
    skipped: readonly string[],
  ): Readonly<Record<string, unknown>> | null
}

/** What a format is asked to store a matrix by. */
export interface FormatOptions {
  readonly type: string
  readonly blockSize?: number | undefined
  readonly doubleQuant?: boolean | undefined
}

/** The weights of a model's folder, by their headers. */
export interface Checkpoint extends TensorReader {
  /** What stands beside a weight: the names of tensors that a format's `weightBeside` gives to it. */
  beside(weight: string): readonly string[]
}

/** A weight of a checkpoint that is in a format already. */
export interface StoredWeight {
  /**
   * Whether the checkpoint gives its numbers as well, so that it may be stored in another way. Default: it does not.
   */
  readonly readsAsNumbers?: boolean
  /** Bytes that it takes on a device, and those of its codes alone. Default: those of the checkpoint. */
  readonly onDevice?: { readonly byteLength: number; readonly packedCount: number }
  /** What of its headers does not fit a weight of a shape, to be listed in an error; `null` where it fits. */
  misfit(shape: Shape): string | null
  /** How it is stored; of what the checkpoint has of it, only small parts are read. */
  recipe(): Promise<StorageRecipe>
  /**
   * Brings it to a device as it is; it belongs to nobody.
   * @throws MedAwareError `format`, `numeric`, `unsupported` or `memory`; what was allocated by then is freed.
   */
  load(device: Device, shape: Shape): Promise<StoredMatrix>
}

/** A precision in the words of torch and of bitsandbytes. */
export type PlainWord = 'float32' | 'float16' | 'bfloat16'

/** Who has a matrix, or makes one for each look. */
export interface Lender<M extends StoredMatrix> {
  /** Shows it to `use`, which is done with it when it resolves. */
  lend<T>(use: (matrix: M) => Promise<T>): Promise<T>
}

/** A tensor of a checkpoint, made when it is its turn. */
export interface TensorToSave extends TensorDescription {
  /** Weights of the model that it stands for. */
  readonly parameters: number
  /** Its bytes; what is made for them is freed again. */
  bytes(): Promise<ArrayBufferView>
}

/** The tensors of a matrix: the one under its own name, and those that stand behind the other weights of its layer. */
export interface TensorsOfMatrix {
  readonly codes: TensorToSave
  readonly state: readonly TensorToSave[]
}
