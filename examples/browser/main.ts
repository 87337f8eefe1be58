/** The page: its panels, each of which knows its part of the document, around one state. */
import { ChatPanel } from './chat/chat-panel.ts'
import { DataPanel } from './data-panel.ts'
import { HandOutPanel } from './hand-out/hand-out-panel.ts'
import { KeptPanel } from './kept/kept-panel.ts'
import { RunKeeper } from './kept/run-keeper.ts'
import { RunShelf } from './kept/run-shelf.ts'
import { ModelPanel } from './model-panel.ts'
import { PageState } from './page-state.ts'
import { readSettings, RunPanel } from './run/run-panel.ts'

const page = new PageState()
const shelf = await RunShelf.open()
const keeper = new RunKeeper(
  shelf,
  () => void kept.refresh(),
  (message) => runs.warn(message),
)
const models = new ModelPanel(page, readSettings)
new DataPanel(page)
const runs = new RunPanel(page, keeper)
new ChatPanel(page)
const kept = new KeptPanel(page, keeper, runs)
new HandOutPanel(page, shelf)
models.open()
