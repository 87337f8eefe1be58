import { MedAwareError } from '../core/errors.ts'

/** An answer of the Hub that is none of what was asked for. */
export interface RefusedAnswer {
  readonly status: number
  /** What the server says of it. */
  readonly message: string
  readonly retryAfter: number | null
  /** Of the address that was asked, without what may be a secret. */
  readonly shown: string
}

/** To whom something was sent. */
export interface PushPlace {
  readonly endpoint: string
  readonly name: string
  readonly revision: string
}

/** A refusal, with its status for who knows what to make of it. */
export class PushRefusal extends MedAwareError {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(status === 404 ? 'not-found' : 'network', message)
  }
}

/** The sentence for a refusal: what happened, and what to do. */
export function refusePush(answer: RefusedAnswer, { endpoint, name, revision }: PushPlace): PushRefusal {
  const { status, message, retryAfter, shown } = answer
  const [owner = ''] = name.split('/')
  const tokens = `${endpoint}/settings/tokens`
  const sentences: Readonly<Record<number, string>> = {
    401: `the token is not valid, or has expired; make one that may write at ${tokens}, and set HF_TOKEN`,
    403: `the token may not write to ${name}; make one with write permission at ${tokens}, of an account that belongs to ${owner}`,
    404: `there is no ${name} with a revision ${revision}, or the token may not see it`,
    409: `somebody changed ${name} meanwhile; look at it, and push again`,
    412: `somebody changed ${name} meanwhile; look at it, and push again`,
    413: `a file is too large, or ${owner} has no room left; leave files out, or free some room at ${endpoint}/settings/billing`,
    429: `too many requests; wait ${retryAfter === null ? 'a while' : `${Math.ceil(retryAfter)} s`}, and push again`,
  }
  const what = sentences[status] ?? 'push again; what was uploaded is not sent twice'
  const said = message === '' ? '' : ` (${message})`
  return new PushRefusal(status, `pushToHub: ${shown} answered ${status}${said}: ${what}`)
}
