import type { Shape } from '../../core/shape.ts'
import { f32ToF16 } from '../../core/float16.ts'
import type { Module, Weight } from '../../nn/module.ts'
import { add } from '../../ops/add.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { embedding, gatherRows } from '../../ops/embedding.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { mul } from '../../ops/mul.ts'
import type { Product, Products } from '../../ops/products.ts'
import { fromArray, rowsOf, type Tensor } from '../../tensor/tensor.ts'
import type { Place } from '../adapter-method.ts'
import { embeddingHost, EmbeddingAdapter, type LookUp } from './adapted-embedding.ts'
import { projectionHost } from './adapted-head.ts'
import { type Factors, keyPrefix } from './adapted-layer.ts'
import { LinearAdapter, type Project } from './adapted-linear.ts'

/** Rows of a table that are trained, and where. */
export interface TokenPlace {
  readonly path: string
  /** [v, c] in any storage format. */
  readonly table: Weight
  readonly tokens: readonly number[]
  /** What the trained rows are called behind the path in PEFT's file. */
  readonly name: string
  /** Whether rows start as they are in the table. */
  readonly startsAsTable: boolean
}

/** Where rows of an embedding are trained. */
export interface EmbeddingKind {
  /** Whether a tied head has them too. */
  readonly tiesHead: boolean
  /** Path of that head, where a file has the rows for it as well. */
  readonly savedHead?: string
}

/** A place where rows of an embedding, or of a head, are trained and all else is frozen. */
export function tokenPlace(
  { path, table, tokens, name, startsAsTable }: TokenPlace,
  kind: EmbeddingKind | 'head',
): Place {
  const shape: Shape = [tokens.length, table.columns]
  const second = kind !== 'head' && kind.savedHead !== undefined ? `${keyPrefix}${kind.savedHead}.${name}` : null
  return {
    path,
    shapes: { [name]: shape },
    ...(second !== null && { repeats: { [second]: shape } }),
    parameterName: (own, adapter) => `${own}.${adapter}`,
    start: (factors, random) => {
      const rows = factors[name]
      if (rows === undefined) return
      if (!startsAsTable) rows.write(Float32Array.from({ length: rows.count }, () => random.normal()))
      else rows.device.memory.scoped(() => rows.device.copy(rowsAt(table, tokens), rows))
    },
    adapted: (adapter, factors, there: Module) => {
      const rows = factors[name]
      if (rows === undefined) throw new Error(`${path}: no ${name}`)
      const own = new TokenRows(rows, tokens, table)
      if (kind !== 'head')
        return embeddingHost(there).add(adapter, new EmbeddingTokens(factors, own, kind.tiesHead, second))
      const host = projectionHost(there)
      if (host === null) throw new Error(`${path}: no head`)
      return host.add(adapter, new HeadTokens(factors, own))
    },
  }
}

/** Rows of a table, f32 [n, c], without history. */
function rowsAt(table: Weight, tokens: readonly number[]): Tensor {
  const ids = fromArray(table.device, Int32Array.from(tokens), [tokens.length], 'trained tokens')
  return gatherRows(ids, table, [tokens.length, table.columns])
}

/**
 * Trained rows beside a frozen table, as an update of rank n: W + S (rows − W[tokens]) with S [v, n] of zeros and ones,
 * which f16 holds. So no copy of the table is made and no gradient of its size; peft/tuners/trainable_tokens/layer.py
 * replaces rows of a copy, which is the same.
 */
class TokenRows {
  /** S: f16 [v, n]. */
  readonly #places: Tensor
  /** −W[tokens]: f32 [n, c]. */
  readonly #before: Tensor

  constructor(
    readonly rows: Tensor,
    readonly tokens: readonly number[],
    table: Weight,
  ) {
    const { memory } = table.device
    const [vocab, n] = [table.rows, tokens.length]
    const ones = new Float32Array(vocab * n)
    for (const [i, token] of tokens.entries()) ones[token * n + i] = 1
    const [places, before] = memory.rooted(() =>
      memory.scoped((scope) => {
        const made = fromArray(table.device, f32ToF16(ones), [vocab, n], 'places of trained tokens')
        const negative = mul(rowsAt(table, tokens), -1)
        for (const tensor of [made, negative]) scope.keep(tensor)
        return [made, negative] as const
      }),
    )
    this.#places = places
    this.#before = before
  }

  /** Vectors of ids with those of the tokens in their places. @param vectors Written over. */
  lookUp(ids: Tensor, vectors: Tensor): Tensor {
    return addLinear(vectors, embedding(ids, this.#places), transpose(this.#change(), 0, 1), 1)
  }

  /** What a head's logits of x are to be raised by. */
  product(x: Tensor): Product {
    return { x: linear(x, this.#change()), weight: this.#places }
  }

  /** A table that has the rows, without history. */
  mergeInto(weight: Tensor): Tensor {
    for (const [i, token] of this.tokens.entries()) {
      weight.device.copy(rowsOf(this.rows, i, i + 1), rowsOf(weight, token, token + 1))
    }
    return weight
  }

  free(): void {
    this.#places.dispose()
    this.#before.dispose()
  }

  describe(): string {
    return `tokens ${this.tokens.join(', ')}`
  }

  #change(): Tensor {
    return add(this.rows, this.#before)
  }
}

/** Trained rows of an embedding. */
class EmbeddingTokens extends EmbeddingAdapter {
  override readonly tiesHead: boolean

  constructor(
    factors: Readonly<Record<string, Tensor>>,
    private readonly own: TokenRows,
    tiesHead: boolean,
    private readonly second: string | null,
  ) {
    super(factors)
    this.tiesHead = tiesHead
  }

  override saved(): Factors {
    return this.second === null ? this.factors : { ...this.factors, [this.second]: this.own.rows }
  }

  override get replacedRows(): readonly number[] {
    return this.own.tokens
  }

  forward(ids: Tensor, lookUp: LookUp): Tensor {
    return this.own.lookUp(ids, lookUp(ids))
  }

  override tied(x: Tensor, products: Products): Products | null {
    return this.tiesHead ? [...products, this.own.product(x)] : null
  }

  mergeWeight(weight: Tensor): Tensor {
    return this.own.mergeInto(weight)
  }

  override free(): void {
    this.own.free()
  }

  describe(): string {
    return this.own.describe()
  }
}

/** Trained rows of a head. */
class HeadTokens extends LinearAdapter {
  constructor(
    factors: Readonly<Record<string, Tensor>>,
    private readonly own: TokenRows,
  ) {
    super(factors)
  }

  override get replacedRows(): readonly number[] {
    return this.own.tokens
  }

  forward(x: Tensor, project: Project): Tensor {
    const { x: low, weight } = this.own.product(x)
    return addLinear(project(x), low, weight, 1)
  }

  override products(x: Tensor, products: Products): Products {
    return [...products, this.own.product(x)]
  }

  mergeWeight(weight: Tensor): Tensor {
    return this.own.mergeInto(weight)
  }

  override free(): void {
    this.own.free()
  }

  describe(): string {
    return this.own.describe()
  }
}
