/** What a piece of a call sees of a binding. */
export interface CutWindow {
  /** Bytes that one unit of the axis takes, or `per` of them: a piece's window starts at its first unit. */
  readonly bytes: number
  /** Default 1. */
  readonly per?: number
  /** Bytes the window goes on behind the piece's last unit, at most to the binding's end. Default 0. */
  readonly beyond?: number
}

/**
 * An axis along which a call can be done in pieces, one after another, where an adapter binds less than all at once or
 * a sum is too long.
 */
export interface Cut<N extends string = string, P extends object = Readonly<Record<string, number>>> {
  /** The parameter that counts the axis; a piece has fewer of it. */
  readonly along: keyof P & string
  /**
   * The bindings that are cut, a bare number being `bytes`; all others are bound whole. `null` where this call has no
   * such cut.
   */
  windows(params: P): { readonly [name in N]?: number | CutWindow } | null
  /** Pieces begin at multiples of so many units. Default 1. */
  step?(params: P): number
  /**
   * Most units of a piece, whatever an adapter binds, as far as windows may begin there: a longer sum that is rounded
   * term by term would lose digits. Default any.
   */
  readonly most?: number
  /** Parameters of the piece from unit `begin` on that differ from the call's, beside `along`. Default none. */
  from?(begin: number, params: P): Partial<P>
}

/** What changes along an axis that is summed over: all pieces but the first add to what is there. */
export const added = (begin: number) => (begin > 0 ? { accumulate: 1 } : {})

/** What changes where `first` counts the units before a call's own. */
export const further = (begin: number, { first }: { readonly first: number }) => ({ first: first + begin })

/** The cut of a kernel that does `count` elements of f32, each alone: a window of 4 bytes of each binding named. */
export const perElement = <const N extends string>(...names: readonly N[]) => ({
  along: 'count' as const,
  windows: () => Object.fromEntries(names.map((name) => [name, 4])) as { readonly [name in N]: number },
})
