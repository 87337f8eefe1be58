import { once } from 'node:events'
import { ProgressLine } from 'peft-medaware'
import { number, readFlags, whole } from '../../flags.ts'
import { feedbackServer } from '../page/feedback-server.ts'
import { modelFlags, modelHelp, Session } from '../session.ts'

const help = `Serves a page that asks, shows answers as they come, and takes what you say of them, on this machine alone.

  npm run medquad:feedback -- serve [options]

${modelHelp}
  --port N        0 for any that is free               (8732)
  --tokens N      the longest answer                   (200)
  --temperature X 0 answers greedily                   (0.7)
  --help

Ctrl-C ends it. All stays on this machine. A demonstration, and no medical advice.`

/** Serves the page until a signal ends it. */
export async function serve(args: readonly string[]): Promise<void> {
  const flags = readFlags(
    args,
    { ...modelFlags, port: whole(8732, 0), tokens: whole(200), temperature: number(0.7, { from0: true }) },
    help,
  )
  const session = await Session.open(flags, new ProgressLine(process.stderr))
  const server = await feedbackServer(session, flags)
  server.listen(flags.port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}/`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  server.closeAllConnections()
  server.close()
  session.close()
}
