/** A ticket, and the list as it was when the ticket was opened. */
export interface Opened {
  ref: string | null;
  refs: readonly string[];
}

/**
 * The ticket one step down (1) or up (-1); the first one from nowhere, null at an end.
 *
 * What is done to a ticket moves it, as closing takes it to the end of the list; whoever goes on means the one that
 * stood beside it before.
 */
export function findNeighbour(refs: readonly string[], { ref, refs: before }: Opened, step: 1 | -1): string | null {
  const from = ref === null ? -1 : before.indexOf(ref);
  if (from < 0) return refs[0] ?? null;
  const beside = step === 1 ? before.slice(from + 1) : before.slice(0, from).reverse();
  return beside.find((other) => refs.includes(other)) ?? null;
}

/** Another ticket takes the list as it is now; the same one keeps its list, with the pages that have come since. */
export function keepOrder(opened: Opened, ref: string | null, refs: readonly string[]): Opened {
  const isSame = ref !== null && opened.ref === ref && opened.refs.includes(ref);
  if (!isSame) return { ref, refs };
  return { ref, refs: [...opened.refs, ...refs.filter((other) => !opened.refs.includes(other))] };
}
