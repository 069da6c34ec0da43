/** The local name of a default export that has none of its own; no identifier can be called so. */
export const anonymous = '*default*'
