export interface TicketAddress {
  ref: string;
  token: string;
}

/** Reads /ticket/{ref}?token=…; null when a part is missing. The token stays in the address and goes nowhere else. */
export function readAddress(location: Pick<Location, "pathname" | "search">): TicketAddress | null {
  const ref = /^\/ticket\/([^/]+)\/?$/.exec(location.pathname)?.[1];
  const token = new URLSearchParams(location.search).get("token");
  if (!ref || !token) return null;
  try {
    return { ref: decodeURIComponent(ref), token };
  } catch {
    return null;
  }
}
