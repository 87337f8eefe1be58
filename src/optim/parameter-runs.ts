import { byBuffer, nextWindow } from '../tensor/packed.ts'
import { empty, Tensor, zeros } from '../tensor/tensor.ts'

/** Parameters that lie side by side in one buffer, so that one kernel can go over them all. */
export interface ParameterRun {
  readonly members: readonly [Tensor, ...Tensor[]]
  /** From the first to the last, with the padding between: f32 [n]. */
  readonly whole: Tensor
}

/** Cuts parameters into the longest runs there are of such as are `alike`, in the order of their buffers and places. */
export function parameterRuns(
  parameters: Iterable<Tensor>,
  alike: (a: Tensor, b: Tensor) => boolean,
): readonly ParameterRun[] {
  const runs: [Tensor, ...Tensor[]][] = []
  for (const members of byBuffer(parameters).values()) {
    let last: Tensor | undefined
    for (const member of members.sort((a, b) => a.byteOffset - b.byteOffset)) {
      if (last !== undefined && nextWindow(endOf(last)) === member.byteOffset && alike(last, member)) {
        runs.at(-1)?.push(member)
      } else runs.push([member])
      last = member
    }
  }
  return runs.map((members) => ({ members, whole: wholeOf(members) }))
}

/** The window of `vector`, which is laid out as a run is, that belongs to one of its members. */
export function windowOf(vector: Tensor, { whole }: ParameterRun, member: Tensor): Tensor {
  const at = vector.byteOffset + member.byteOffset - whole.byteOffset
  return new Tensor(vector.device, member.shape, 'f32', vector.buffer, at)
}

/**
 * What `valueOf` gives for the members, laid out as the run is: where the values lie as the members do, with zeros
 * between, they themselves; else a copy, which is the caller's to free.
 */
export function gather(
  run: ParameterRun,
  valueOf: (member: Tensor) => Tensor,
  label: string,
): { readonly vector: Tensor; readonly isCopy: boolean } {
  const { members, whole } = run
  const { device, shape } = whole
  const { buffer, byteOffset } = valueOf(members[0])
  const liesAsMember = (value: Tensor, member: Tensor) =>
    value.buffer === buffer && value.byteOffset - byteOffset === member.byteOffset - whole.byteOffset
  if (members.every((member) => liesAsMember(valueOf(member), member))) {
    return { vector: new Tensor(device, shape, 'f32', buffer, byteOffset), isCopy: false }
  }
  const isPadded = members.reduce((sum, { count }) => sum + count, 0) < whole.count
  const vector = (isPadded ? zeros : empty)(device, shape, label)
  for (const member of members) device.copy(valueOf(member), windowOf(vector, run, member))
  return { vector, isCopy: true }
}

function wholeOf(members: ParameterRun['members']): Tensor {
  const [first] = members
  const end = Math.max(...members.map(endOf))
  return new Tensor(first.device, [(end - first.byteOffset) / 4], 'f32', first.buffer, first.byteOffset)
}

function endOf({ byteOffset, byteLength }: Tensor): number {
  return byteOffset + byteLength
}
