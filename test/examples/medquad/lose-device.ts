/** For `node --import`: destroys the WebGPU device under a program as soon as its progress says LOSE_DEVICE_AT. */
import { globals } from 'webgpu'

const at = process.env['LOSE_DEVICE_AT'] ?? ''
const { prototype } = (globals as { GPUAdapter: { prototype: GPUAdapter } }).GPUAdapter
const request = Object.getOwnPropertyDescriptor(prototype, 'requestDevice')?.value as GPUAdapter['requestDevice']
let device: GPUDevice | undefined
prototype.requestDevice = async function (descriptor) {
  return (device = await request.call(this, descriptor))
}
const write = process.stderr.write.bind(process.stderr) as (...args: unknown[]) => boolean
let said = ''
process.stderr.write = (...args: unknown[]) => {
  said += String(args[0])
  if (said.includes(at)) device?.destroy()
  return write(...args)
}
