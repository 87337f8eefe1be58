import { chatCommand } from './chat.ts'
import type { Command } from './command.ts'
import { compareCommand } from './compare/compare.ts'
import { demoCommand } from './demo/demo.ts'
import { evaluateCommand } from './evaluate/evaluate.ts'
import { exportCommand } from './export.ts'
import { exportRecipeCommand } from './export-recipe.ts'
import { generateCommand } from './generate.ts'
import { inspectCommand } from './inspect.ts'
import { mergeCommand } from './merge.ts'
import { pushCommand } from './push.ts'
import { quantizeCommand } from './quantize.ts'
import { serveCommand } from './serve/serve.ts'
import { resumeCommand, trainCommand } from './train/train.ts'

/** All commands, by what a person wants. */
export const commandGroups: Readonly<Record<string, Readonly<Record<string, Command>>>> = {
  try: { demo: demoCommand, inspect: inspectCommand },
  train: { train: trainCommand, resume: resumeCommand, quantize: quantizeCommand },
  use: { chat: chatCommand, generate: generateCommand, serve: serveCommand },
  evaluate: { evaluate: evaluateCommand, compare: compareCommand },
  'give away': { merge: mergeCommand, export: exportCommand, 'export-recipe': exportRecipeCommand, push: pushCommand },
}

/** All commands, by name. */
export const commands: Readonly<Record<string, Command>> = Object.fromEntries(
  Object.values(commandGroups).flatMap((group) => Object.entries(group)),
)
