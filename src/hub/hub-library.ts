import { importHubLibrary, platformName } from '#platform'
import { MedAwareError } from '../core/errors.ts'
import { withMethods } from '../core/options.ts'

/** Whom a call is for. */
interface Place {
  readonly repo: { readonly type: 'model'; readonly name: string }
  readonly hubUrl: string
  readonly accessToken: string
  // A method: projects without the web's types have no type of `fetch`.
  fetch(address: unknown, init?: unknown): Promise<Response>
}

/** What `commitIter` tells as it goes. */
export type CommitEvent =
  | { readonly event: 'phase'; readonly phase: string }
  | { readonly event: 'fileProgress'; readonly path: string; readonly progress: number; readonly state: string }

/** What is used of the package `@huggingface/hub`, whose types one need not have. */
export interface HubLibrary {
  createRepo(options: Place & { readonly visibility: 'private' | 'public' }): Promise<unknown>
  createBranch(options: Place & { readonly branch: string }): Promise<unknown>
  commitIter(
    options: Place & {
      readonly title: string
      readonly description?: string
      readonly branch: string
      readonly isPullRequest: boolean
      readonly operations: { operation: 'addOrUpdate'; path: string; content: Blob | URL }[]
      readonly abortSignal?: AbortSignal
      readonly useXet: false
    },
  ): AsyncGenerator<CommitEvent, { commit: { oid: string; url: string }; pullRequestUrl?: string } | undefined>
}

/** A library that a caller gives. */
export const hubLibraryRule = withMethods<HubLibrary>("the package '@huggingface/hub'", [
  'createRepo',
  'createBranch',
  'commitIter',
])

/** The package, from the optional peer dependency in Node. @throws MedAwareError `not-found`. */
export async function hubLibrary(): Promise<HubLibrary> {
  const found = await importHubLibrary()
  const library = hubLibraryRule.read(found, 'pushToHub')
  if (library !== undefined) return library
  const remedy =
    platformName === 'node'
      ? 'the package @huggingface/hub is not installed, or too old; run `npm install @huggingface/hub`'
      : "a page hands the package over: library: await import('@huggingface/hub')"
  throw new MedAwareError('not-found', `pushToHub: ${remedy}`)
}
