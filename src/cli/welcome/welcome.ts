import { version } from '../../core/version.ts'
import { commandGroups } from '../commands.ts'
import { docsAddress } from '../docs-address.ts'
import { describeMachine } from './machine.ts'

const [columns, label, name] = [80, 11, 15]

/** What the program says when it is given no command: one screen of 24 lines of 80 letters at most. */
export async function welcome(): Promise<string> {
  const lines = Object.entries(commandGroups).flatMap(([group, commands]) =>
    Object.entries(commands).map(([command, { summary }], i) => row(i === 0 ? group : '', command, summary)),
  )
  return [
    `peft-medaware ${version}: fine-tunes language models in 4 bits, where JavaScript runs`,
    '',
    ...lines,
    '',
    ...wrapped('options', 'npx peft-medaware <command> --help'),
    ...wrapped('machine', await describeMachine()),
    ...wrapped('docs', docsAddress),
  ].join('\n')
}

function row(group: string, command: string, summary: string): string {
  return `${group.padEnd(label)}${command.padEnd(name)}${summary}`
}

/** A text behind a label, in two lines at most. */
function wrapped(name: string, text: string): string[] {
  const width = columns - label
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  const shown = lines.slice(0, 2)
  if (lines.length > 2) shown[1] = `${(shown[1] ?? '').slice(0, width - 2)} …`
  return shown.map((line, i) => `${(i === 0 ? name : '').padEnd(label)}${line.slice(0, width)}`)
}
