/** A place in the list, also after the ticket that stood there has left it. */
export interface Place {
  ref: string | null;
  index: number;
}

/** The ticket one step down (1) or up (-1) from a place; the first one from nowhere, null at an end. */
export function findNeighbour(refs: readonly string[], { ref, index }: Place, step: 1 | -1): string | null {
  if (ref === null) return refs[0] ?? null;
  const found = refs.indexOf(ref);
  if (found >= 0) return refs[found + step] ?? null;
  // The ticket has left the list, as a closed one leaves the open ones: whoever moved up stands where it stood.
  return refs[step === 1 ? index : index - 1] ?? null;
}
