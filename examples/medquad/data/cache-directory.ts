import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where downloads are kept: `$XDG_CACHE_HOME/peft-medaware`, else `~/.cache/peft-medaware`. */
export function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'peft-medaware')
}
