/** Files that are not a model, or weights that are not of the model that their configuration describes. */
export class ModelFileError extends Error {
  override readonly name = 'ModelFileError'
}
