import { fileURLToPath } from 'node:url'
import { cleanMedquad, selectPaper } from './clean-medquad.ts'
import { countMedquad, type MedquadCounts } from './count-medquad.ts'
import { DataError } from './data-error.ts'
import type { DownloadProgress } from './download.ts'
import {
  fetchMedquad,
  type FetchOptions,
  fetchMirror,
  type MedquadMirror,
  medquadMirrors,
  type MirrorOptions,
} from './fetch-medquad.ts'
import type { MedquadPair } from './medquad-pair.ts'
import { readMedquad } from './read-medquad.ts'
import { type MedquadSplit, splitByDisease } from './split-medquad.ts'

/** The few pairs in MedQuAD's format that come with the recipe. */
export const sampleFolder = fileURLToPath(new URL('../sample', import.meta.url))

export interface LoadOptions {
  /** A folder, archive or `.jsonl` to read; without it MedQuAD is downloaded once into `cacheDir`. */
  data?: string
  /** Take the 16,407 rows of the paper, duplicates included, instead of all answered ones without. Default false. */
  paper?: boolean
  cacheDir: string
  /** Of the split. Default 0. */
  seed?: number
  /** How the download goes; default: `fetchMedquad`'s own `url`, `expected` and `fetch`. */
  download?: Pick<FetchOptions, 'url' | 'expected' | 'fetch' | 'signal' | 'patience'>
  /** How the download of the copies on the Hub goes; default: `medquadMirrors`, and `fetchMirror`'s own. */
  mirror?: Pick<MirrorOptions, 'endpoint' | 'fetch' | 'patience'> & { mirrors?: readonly MedquadMirror[] }
  onProgress?: (progress: LoadProgress) => void
  /** Told, in a line each, from where MedQuAD could not be had, and what stands in for it. */
  warn?: (text: string) => void
}

/** Bytes of a download, or files read; `total` where it is known; `rate` in bytes a second. */
export type LoadProgress =
  { stage: 'download'; done: number; total?: number; rate: number } | { stage: 'read'; done: number; total?: number }

export interface LoadedMedquad extends MedquadSplit {
  /** Answered pairs, cleaned: train, validation and test together. */
  pairs: MedquadPair[]
  /** All that was read, as it is in the files: those without an answer too. */
  all: readonly MedquadPair[]
  /** Of everything that was read, before anything was left out. */
  counts: MedquadCounts
  origin: 'given' | 'download' | 'mirror' | 'sample'
}

/**
 * Reads, cleans and splits MedQuAD: the data given, else the download from GitHub, else from the Hugging Face Hub, else
 * (where there is no network) the sample; each attempt that failed is said through `warn`. Throws what reading and
 * fetching throw; a download that is not MedQuAD is an error, never a reason to fall back.
 */
export async function loadMedquad(options: LoadOptions): Promise<LoadedMedquad> {
  const { paper = false, seed = 0, onProgress } = options
  const { path, origin } = await findData(options)
  const data = await readMedquad(path, (done, total) =>
    onProgress?.({ stage: 'read', done, ...(total === undefined ? {} : { total }) }),
  )
  if (data.tooLarge.length > 0) {
    const names = data.tooLarge.slice(0, 3).join(', ')
    options.warn?.(`${data.tooLarge.length} files above 4 MB were passed over: ${names}; MedQuAD's are far smaller.`)
  }
  const pairs = cleanMedquad(paper ? selectPaper(data.pairs) : data.pairs, { keepDuplicates: paper })
  if (pairs.length === 0)
    throw new DataError('not-found', `loadMedquad: none of the ${data.pairs.length} pairs in ${path} has an answer`)
  // Of so few diseases a twentieth is hardly one, so the sample holds out more.
  const shares = origin === 'sample' ? { validation: 0.15, test: 0.15 } : {}
  return { pairs, all: data.pairs, counts: countMedquad(data), origin, ...splitByDisease(pairs, { seed, ...shares }) }
}

async function findData(options: LoadOptions): Promise<{ path: string; origin: LoadedMedquad['origin'] }> {
  const { data, cacheDir, download = {}, mirror = {}, onProgress, warn } = options
  if (data !== undefined) return { path: data, origin: 'given' }
  const { signal } = download
  const told = {
    cacheDir,
    ...(signal !== undefined && { signal }),
    onProgress: ({ received, ...rest }: DownloadProgress) =>
      onProgress?.({ stage: 'download', done: received, ...rest }),
  }
  const { mirrors = medquadMirrors, ...how } = mirror
  const copies = mirrors.map((copy) => {
    const get = () => fetchMirror(copy, { ...how, ...told })
    return { origin: 'mirror', name: `its copy ${copy.name} on the Hub`, get } as const
  })
  const github = { origin: 'download', name: 'GitHub', get: () => fetchMedquad({ ...download, ...told }) } as const
  for (const { origin, name, get } of [github, ...copies]) {
    try {
      return { path: await get(), origin }
    } catch (error) {
      if (!(error instanceof DataError) || error.code === 'digest') throw error
      warn?.(`MedQuAD cannot be had from ${name}: ${error.message}`)
    }
  }
  warn?.('Going on with the sample that comes with the recipe; for MedQuAD itself give --data a copy of it.')
  return { path: sampleFolder, origin: 'sample' }
}
