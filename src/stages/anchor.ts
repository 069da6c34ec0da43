/**
 * The stage `anchor`: SN-Net's word for a model trained on the labels alone, to be stitched (docs/method.md, section
 * 4).
 */
import type { TeacherParams } from '../dsl/nodes.js'
import type { StageFunction } from '../runtime/stage-contract.js'
import { withEngine } from './model/engine-scope.js'
import { trainOnLabels } from './teacher.js'

/** The stage `anchor`. Leaves what the stage `teacher` leaves, with the `role` anchor. */
export const anchor: StageFunction<TeacherParams> = (context) =>
  withEngine(context.engine, (engine) => trainOnLabels(context, engine, 'anchor'))
