import { check } from '../core/errors.ts'
import {
  abortSignal,
  callback,
  flag,
  type OptionRules,
  readArgument,
  readOptions,
  table,
  text,
} from '../core/options.ts'
import { show } from '../core/show.ts'
import { namePattern } from '../io/huggingface/hub-address.ts'
import { findHubSettings, hubAliases, type HubOptions, hubRules } from '../io/huggingface/hub-settings.ts'
import { type HubLibrary, hubLibrary, hubLibraryRule } from './hub-library.ts'
import { type PlanOptions, planPush, planRules, type PushedFile, type PushSource } from './plan-push.ts'
import { pushFetch } from './push-fetch.ts'
import { pushMeter, type PushProgress } from './push-meter.ts'
import { PushRefusal } from './push-refusal.ts'

/** How something is pushed. */
export interface PushOptions extends PlanOptions {
  /**
   * Whether everybody may see it: a new repository is public, and one that is public already is pushed to. Default
   * false.
   */
  readonly public?: boolean
  /** The branch, which is made where there is none. Default 'main'. */
  readonly revision?: string
  /** Ask for the files to be taken, by a pull request. Default false. */
  readonly createPr?: boolean
  /** The first line of the commit, or the title of the pull request. Default 'Push with peft-medaware'. */
  readonly message?: string
  /** What else there is to say of it. Default nothing. */
  readonly description?: string
  /** Endpoint and token, as for what is read: `HF_ENDPOINT`, `HF_TOKEN` or the token file where they are left out. */
  readonly hub?: HubOptions
  /** The package @huggingface/hub, for pages. Default: in Node the one that is installed. */
  readonly library?: HubLibrary
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: PushProgress) => void
}

/** What a push came to. */
export interface PushResult {
  /** The repository's page. */
  readonly url: string
  readonly commit: string
  /** Of the pull request; null for none. */
  readonly pullRequestUrl: string | null
  readonly isPrivate: boolean
  readonly isNew: boolean
  readonly files: readonly PushedFile[]
}

const rules: OptionRules<PushOptions> = {
  ...planRules,
  public: flag,
  revision: text,
  createPr: flag,
  message: text,
  description: text,
  hub: table(hubRules, hubAliases),
  library: hubLibraryRule,
  signal: abortSignal,
  onProgress: callback<NonNullable<PushOptions['onProgress']>>(),
}
/** huggingface_hub's words for them. */
const aliases = {
  branch: 'revision',
  commitMessage: 'message',
  commit_message: 'message',
  create_pr: 'createPr',
} as const

/**
 * Pushes an adapter or a model to the Hugging Face Hub, all files in one commit: makes the repository where there is
 * none, private unless `public`, and sends large files by LFS, those that are there already not again. Which files:
 * `planPush`. What fails and may pass is tried again; until the commit nothing of it is seen.
 * @param repo `owner/name`.
 * @throws MedAwareError as `planPush`; `config` for a repository that is public though `public` was not given; `network`
 * and `not-found` with what to do; the signal's reason.
 */
export async function pushToHub(source: PushSource, repo: string, options: PushOptions = {}): Promise<PushResult> {
  const who = 'pushToHub'
  const name = readArgument(who, 'repo', repo, text)
  const given = readOptions(who, options, rules, aliases)
  const { revision = 'main', createPr = false, message = 'Push with peft-medaware', signal, description } = given
  check(namePattern.test(name), 'config', () => `${who}: the repository must be owner/name, got ${show(name)}`)
  const { include, exclude, onWarning } = given
  const plan = await planPush(source, {
    ...(include && { include }),
    ...(exclude && { exclude }),
    ...(onWarning && { onWarning }),
  })
  const { endpoint, token, offline, fetch } = await findHubSettings(given.hub)
  check(!offline, 'config', () => `${who}: HF_HUB_OFFLINE or hub.offline is set, and the Hub is not asked`)
  check(token !== null && /^hf_\S+$/.test(token), 'config', () => {
    const what = token === null ? 'there is no token' : 'the token is none: those of the Hub begin with hf_'
    return `${who}: ${what}; make one that may write at ${endpoint}/settings/tokens, and set HF_TOKEN`
  })
  const library = given.library ?? (await hubLibrary())
  const send = pushFetch({ fetch, place: { endpoint, name, revision }, signal })
  const place = { repo: { type: 'model', name }, hubUrl: endpoint, accessToken: token, fetch: send } as const

  const there = await isPrivateThere(`${endpoint}/api/models/${name}`, token, send)
  check(there !== false || given.public === true, 'config', () => {
    return `${who}: ${name} is public, so that everybody would see what is pushed; give public: true, or make it private at ${endpoint}/${name}/settings`
  })
  if (there === true && given.public === true) onWarning?.(`${name} is private, and stays so; its settings change that`)
  const visibility = given.public === true ? 'public' : 'private'
  if (there === null) await exceptWhereThere(library.createRepo({ ...place, visibility }))
  if (revision !== 'main' && !createPr) await exceptWhereThere(library.createBranch({ ...place, branch: revision }))

  const onEvent = pushMeter(plan.files, given.onProgress)
  const commit = library.commitIter({
    ...place,
    ...{ title: message, branch: revision, isPullRequest: createPr, useXet: false },
    ...(description !== undefined && { description }),
    ...(signal && { abortSignal: signal }),
    operations: plan.files.map(({ name: path, content }) => ({ operation: 'addOrUpdate', path, content })),
  })
  let step = await commit.next()
  for (; step.done !== true; step = await commit.next()) onEvent(step.value)
  return {
    ...{ url: `${endpoint}/${name}`, commit: step.value?.commit.oid ?? '' },
    pullRequestUrl: step.value?.pullRequestUrl ?? null,
    ...{ isPrivate: there ?? given.public !== true, isNew: there === null, files: plan.files },
  }
}

/** Whether a repository is private; null where there is none, or none that the token may see. */
async function isPrivateThere(url: string, token: string, send: typeof globalThis.fetch): Promise<boolean | null> {
  try {
    const response = await send(url, { headers: { authorization: `Bearer ${token}` } })
    const { private: isPrivate } = (await response.json()) as { readonly private?: unknown }
    return isPrivate === true
  } catch (error) {
    if (error instanceof PushRefusal && error.status === 404) return null
    throw error
  }
}

/** Waits for what makes something, which may be there already. */
async function exceptWhereThere(made: Promise<unknown>): Promise<void> {
  try {
    await made
  } catch (error) {
    if (!(error instanceof PushRefusal) || error.status !== 409) throw error
  }
}
