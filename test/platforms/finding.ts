/** What a probe of `task.ts` finds in a runtime. Digests are the first 16 digits of SHA-256. */
export interface Finding {
  /** As the engine describes itself. */
  readonly device: string
  /** Why it is this one. */
  readonly reason?: string
  /** Of ten steps of training. */
  readonly seconds: number
  /** In the last of them. */
  readonly loss?: number
  /** GFLOP of a product in f32 in a second of a core's time, on the CPU engine. */
  readonly gflops?: number | null
  /** What the trained model writes. */
  readonly text: string
  /** Of the saved adapter's files. */
  readonly adapter: string
  /** Of the last logits of a prompt, by the saved adapter over a fresh base. */
  readonly logits?: string
  /** The same, by the adapter that the reference runtime saved. */
  readonly ofReference?: string | null
}

/** Names of what `task.ts` does; `ownWebgpu` only where a runtime has WebGPU of its own. */
export const probeNames = ['simd', 'threads', 'wide', 'worker', 'webgpu', 'ownWebgpu'] as const
export type ProbeName = (typeof probeNames)[number]

/** A finding, or the last line of what was said instead. */
export type Probed = Finding | { readonly error: string }

/** What one runtime was found to do. */
export interface RuntimeRecord {
  readonly name: string
  readonly version: string
  /** Its JavaScript engine. */
  readonly engine: string
  /** What installed the packed package from a registry. */
  readonly installer: string
  /** Which file of `#platform` it takes. */
  readonly platform: string
  readonly probes: Readonly<Partial<Record<ProbeName, Probed>>>
  /** What `peft-medaware --version` prints, and the adapter that `peft-medaware train` saves, by digest. */
  readonly command: { readonly version: string; readonly adapter: string } | { readonly error: string }
}

/** What `platforms.ts` writes. */
export interface PlatformsRecord {
  /** YYYY-MM-DD. */
  readonly date: string
  readonly package: string
  readonly machine: string
  readonly runtimes: readonly RuntimeRecord[]
  /** Runtimes that could not be had, and why. */
  readonly missing: readonly { readonly name: string; readonly why: string }[]
}

export const hasFound = (probed: Probed | undefined): probed is Finding => probed !== undefined && 'adapter' in probed
