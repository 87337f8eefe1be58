/** The page: its panels, each of which knows its part of the document, around one state. */
import { ChatPanel } from './chat/chat-panel.ts'
import { DataPanel } from './data-panel.ts'
import { keepPanel } from './keep/keep-panel.ts'
import { ModelPanel } from './model-panel.ts'
import { PageState } from './page-state.ts'
import { readSettings, RunPanel } from './run/run-panel.ts'

const page = new PageState()
const models = new ModelPanel(page, readSettings)
new DataPanel(page)
new RunPanel(page)
new ChatPanel(page)
keepPanel(page)
models.open()
