/** How long a library may take to give a sign. */

/** Seconds, where a machine needs longer than usual: a GPU's first start may compile for minutes. */
const variable = 'GENEPOOL_PATIENCE'

/** In milliseconds: what `$GENEPOOL_PATIENCE` says in seconds, else the given number of seconds. */
export const patienceMs = (seconds: number): number => {
  const wanted = Number(process.env[variable])
  return 1_000 * (Number.isFinite(wanted) && wanted > 0 ? wanted : seconds)
}
