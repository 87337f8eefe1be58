import type { Device, DeviceLimits } from '../../src/device/device.ts'
import { DryDevice } from '../../src/device/dry-device.ts'

/** A device of given limits that holds nothing. */
export function checkedDevice(kind: Device['kind'], limits: DeviceLimits): Device {
  return Object.assign(new DryDevice(kind), { description: 'the test device', limits })
}
