/** The page: its panels, each of which knows its part of the document, around one state. */
import { ChatPanel } from './chat/chat-panel.ts'
import { DataInput } from './data-input.ts'
import { HandOutPanel } from './hand-out/hand-out-panel.ts'
import { KeptPanel } from './kept/kept-panel.ts'
import { RunKeeper } from './kept/run-keeper.ts'
import { RunShelf } from './kept/run-shelf.ts'
import { chosenModel } from './model-choice.ts'
import { ModelPanel } from './model-panel.ts'
import { PageState } from './page-state.ts'
import { RunPanel } from './run/run-panel.ts'
import { SettingsPanel } from './settings/settings-panel.ts'

const page = new PageState()
const shelf = await RunShelf.open()
const keeper = new RunKeeper(
  shelf,
  () => void kept.refresh(),
  (message) => runs.warn(message),
)
const settings = new SettingsPanel(chosenModel().kind, () => models.planAnew())
const models = new ModelPanel(page, settings)
const data = new DataInput(() => page.change({ hasData: data.hasPairs }))
const runs = new RunPanel(page, keeper, data, settings)
new ChatPanel(page)
const kept = new KeptPanel(page, keeper, runs)
new HandOutPanel(page, shelf)
models.open()
