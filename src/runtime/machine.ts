/** The machine that stages run on, as far as it changes how long they take. */
import * as os from 'node:os'
import { countShape, optionalShape, recordShape, textShape } from './shape.js'

/** What times depend on besides engine and versions. */
export interface MachineIdentity {
  /** The processor's model. */
  readonly processor: string
  readonly cores: number
  /** The GPU's name, where one computes and its name is known. */
  readonly device?: string
}

export const machineFields = { processor: textShape, cores: countShape, device: optionalShape(textShape) }

export const machineShape = recordShape<MachineIdentity>(machineFields)

/** `device` is the GPU's name; undefined where the processor computes, or where the name is not known. */
export const machineOf = (device: string | undefined): MachineIdentity => {
  const processors = os.cpus()
  const model = processors[0]?.model.trim().replace(/\s+/g, ' ')
  return {
    processor: model === undefined || model === '' ? process.arch : model,
    // What this process may use: a container may have fewer than the machine.
    cores: os.availableParallelism(),
    ...(device === undefined ? {} : { device }),
  }
}
