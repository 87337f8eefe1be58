import { countOf, type Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { Tensor } from './tensor.ts'

/** How a matrix that is not f32 reaches kernels, in the terms of `matmulStored`. */
export interface Storage {
  readonly codes: Tensor
  readonly absmax: Tensor | null
  readonly nested: Tensor | null
  readonly tables: Tensor | null
  readonly bits: 4 | 5 | 6 | 8 | 16
  /** Whether 16 bits are those of a bf16. */
  readonly isBf16: 0 | 1
  readonly blockSize: number
  /**
   * How scales are stored. 0: f32 a block, or none; 1: u8 a block, decoded by `nested`. Those of GGUF's blocks of 4 to
   * 6 bits, whose codes lie as in kernels/stored/blocks.as.ts, 2: f16 a block of 32; 3: two f16, what is added second;
   * 4: i8 a block of 16, times nested's f32 of 256 elements; 5: two u8 a block of 32, times nested's two f16.
   */
  readonly scaling: 0 | 1 | 2 | 3 | 4 | 5
  readonly nestedCount: number
}

/** How a matrix is stored, in the words of `quantize`: what would store its numbers so again. */
export interface StorageRecipe {
  /** The format's name, such as 'nf4'. */
  readonly type: string
  /** Elements that share a scale; `null` where those of a row do. */
  readonly blockSize: number | null
  /** Whether the scales are in 8 bits as well. */
  readonly doubleQuant: boolean
}

/**
 * A frozen matrix that kernels decode as they use it and never expand in full. Each format of `formats/` is a subclass.
 */
export abstract class StoredMatrix {
  readonly requiresGrad = false
  /**
   * Whether tables of vectors and heads may be stored so, and not the weights of linear layers alone. Default false.
   */
  readonly isForTables: boolean = false

  /**
   * @param tensors Those that are its own, which are kept and freed with it: none that it shares with others.
   * @param storage What kernels read of it.
   */
  protected constructor(
    readonly shape: Shape,
    readonly tensors: readonly Tensor[],
    readonly storage: Storage,
    readonly recipe: StorageRecipe,
  ) {}

  get device(): Device {
    return this.storage.codes.device
  }

  /** Number of elements it stands for. */
  get count(): number {
    return countOf(this.shape)
  }

  /** Size of the last dimension. */
  get columns(): number {
    return this.shape.at(-1) ?? 1
  }

  /** Number of rows when all but the last dimension are flattened. */
  get rows(): number {
    return this.columns === 0 ? 0 : this.count / this.columns
  }

  /** Number of elements that its codes are, as PEFT counts it: two of 4 bits are one. */
  get packedCount(): number {
    return this.storage.codes.count
  }

  /** Bytes it takes, without what it shares with others. */
  get byteLength(): number {
    return this.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  dispose(): void {
    for (const tensor of this.tensors) tensor.dispose()
  }
}

/** What a recipe is called where two are told apart: 'nf4 by 64 (double)', 'int8'. */
export function describeRecipe({ type, blockSize, doubleQuant }: StorageRecipe): string {
  return `${type}${blockSize === null ? '' : ` by ${blockSize}`}${doubleQuant ? ' (double)' : ''}`
}
