import { type Device, openDevice } from 'peft-medaware'

let opened: Promise<Device> | null = null

/** One CPU engine for the small figures of a page: on one thread, which they do not fill. */
export function cpuInPage(): Promise<Device> {
  opened ??= openDevice({ device: 'cpu', cpu: { threads: 1 } }).then(({ device }) => device)
  return opened
}
