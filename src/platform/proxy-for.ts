/** A proxy, and the variable that names it. */
export interface Proxy {
  readonly address: string
  readonly variable: string
}

/**
 * The proxy that the environment has for an address; null where there is none. As Python's urllib.request.getproxies
 * and httpx read it, so as huggingface_hub does: `HTTP_PROXY` for http, `HTTPS_PROXY` for https, else `ALL_PROXY`;
 * names in small letters come first; `NO_PROXY` lists hosts, domains, with or without a port, IPv4 networks as
 * `10.0.0.0/8`, or is `*`.
 */
export function proxyFor({ protocol, hostname, port }: URL, environment: NodeJS.ProcessEnv): Proxy | null {
  const read = (name: string): Proxy | null => {
    // Where a web server hands on headers as variables, HTTP_PROXY is what anybody sends as "Proxy:".
    const isSpoofable = name === 'http_proxy' && environment['REQUEST_METHOD'] !== undefined
    const [small, capital] = [environment[name], isSpoofable ? undefined : environment[name.toUpperCase()]]
    const address = small ?? capital ?? ''
    return address === '' ? null : { address, variable: small === undefined ? name.toUpperCase() : name }
  }
  const proxy = read(protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? read('all_proxy')
  if (proxy === null) return null
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const isDirect = (read('no_proxy')?.address ?? '')
    .split(/[\s,]+/)
    .some((entry) => isExempt(entry.toLowerCase(), host, port || (protocol === 'https:' ? '443' : '80')))
  return isDirect ? null : proxy
}

/** Whether an entry of NO_PROXY means a host. */
function isExempt(entry: string, host: string, port: string): boolean {
  if (entry === '') return false
  if (entry === '*') return true
  const [, network = '', bits = ''] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(entry) ?? []
  if (network !== '') return isWithin(host, network, Number(bits))
  const isNumbers = entry.includes('::') || entry.split(':').length > 2
  const [, name = entry, entryPort] =
    (isNumbers ? /^\[(.*)\](?::(\d+))?$/ : /^(?:\w+:\/\/)?(.*?)(?::(\d+))?$/).exec(entry) ?? []
  if (entryPort !== undefined && entryPort !== port) return false
  // ".google.com" and "*.google.com" are what is below google.com, "google.com" is that and itself.
  if (/^\*?\./.test(name)) return host.endsWith(name.replace(/^\*/, ''))
  return host === name || (!/^[\d.]+$/.test(name) && !isNumbers && host.endsWith(`.${name}`))
}

function isWithin(host: string, network: string, bits: number): boolean {
  const [a, b] = [host, network].map(addressOf)
  return a != null && b != null && bits <= 32 && Math.floor(a / 2 ** (32 - bits)) === Math.floor(b / 2 ** (32 - bits))
}

function addressOf(host: string): number | null {
  const parts = host.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null
  return parts.reduce((sum, part) => 256 * sum + Number(part), 0)
}
