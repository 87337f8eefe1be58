import type { BodyInit, ProxyAgent } from 'undici'
import { MedAwareError } from '../core/errors.ts'
import { reasonOf } from '../safetensors/http-client.ts'
import { isNode } from './node-runtime.ts'
import type { Platform } from './platform.ts'
import { type Proxy, proxyFor } from './proxy-for.ts'

/** By address: each keeps its connections. */
const agents = new Map<string, ProxyAgent>()

/**
 * Node's own fetch takes no heed of proxies, as Deno's and Bun's do. Where there is one it is undici's, which Node's is
 * made of.
 */
export const fetch: Platform['fetch'] = async (address, init) => {
  const proxy = isNode ? proxyFor(address, environment()) : null
  if (proxy === null) return globalThis.fetch(address, init)
  const undici = await import('undici')
  const url = addressOf(proxy)
  // As everybody does: https goes through a tunnel, http is asked of the proxy itself.
  const agent = agents.get(proxy.address) ?? new undici.ProxyAgent({ uri: url.href, proxyTunnel: false })
  agents.set(proxy.address, agent)
  try {
    const { body, ...rest } = init
    // Node's Blob, which undici's types call by another name.
    const sent = body === undefined ? {} : { body: body as BodyInit }
    return await undici.fetch(address, { ...rest, ...sent, dispatcher: agent })
  } catch (cause) {
    throw new Error(`${reasonOf(cause)}, by the proxy ${url.protocol}//${url.host} of ${proxy.variable}`)
  }
}

/** @throws MedAwareError `config` for what is no proxy that this can use; never shows who it logs in as. */
function addressOf({ address, variable }: Proxy): URL {
  const full = address.includes('://') ? address : `http://${address}`
  const url = URL.canParse(full) ? new URL(full) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  const what = url === null ? 'it is no address' : `${url.protocol.slice(0, -1)} is not`
  throw new MedAwareError('config', `fetch: ${variable} must name an http or https proxy, ${what}`)
}

function environment(): NodeJS.ProcessEnv {
  try {
    return { ...process.env }
  } catch {
    return {}
  }
}
