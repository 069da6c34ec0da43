import { dirname, join, resolve } from 'node:path'
import type { TeacherParams } from '../../dsl/nodes.js'

/** The files of pretrained weights by role; a relative path starts at `baseDir`. */
export const weightSources = (
  { weights }: Pick<TeacherParams, 'weights'>,
  baseDir: string,
): Readonly<Record<string, string>> => {
  if (weights === null) return {}
  const path = resolve(baseDir, weights)
  return { weights: path, config: join(dirname(path), 'config.json') }
}
