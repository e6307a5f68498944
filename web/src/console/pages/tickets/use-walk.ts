import { useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";
import { useShortcut } from "../../shell/commands-context";
import { usePrefetchTicket } from "./queries";
import type { TicketRow } from "./types";
import { findNeighbour, type Place } from "./walk";

const GROUP = "Tickets";

/** j and k: through the list by focus, and from ticket to ticket once one is open. Esc goes back to the list. */
export function useWalk(rows: readonly TicketRow[], openRef: string | null) {
  const refs = rows.map(({ ticket_ref }) => ticket_ref);
  const navigate = useNavigate();
  const { search } = useLocation();
  const prefetch = usePrefetchTicket();
  const lastIndex = useRef(0);
  const found = openRef === null ? -1 : refs.indexOf(openRef);
  useEffect(() => {
    if (found >= 0) lastIndex.current = found;
  }, [found]);

  const walk = (step: 1 | -1): void => {
    const place: Place = openRef === null ? findFocused(refs) : { ref: openRef, index: lastIndex.current };
    const next = findNeighbour(refs, place, step);
    if (next === null) return;
    if (openRef === null) return focusRow(next);
    void navigate({ pathname: `/tickets/${next}`, search }, { replace: true });
    prefetch(findNeighbour(refs, { ref: next, index: 0 }, step));
  };
  const goBack = (): void => {
    if (openRef === null) return;
    void navigate({ pathname: "/tickets", search });
    requestAnimationFrame(() => focusRow(openRef));
  };
  useShortcut({ key: "j", label: "Next ticket", group: GROUP, run: () => walk(1) });
  useShortcut({ key: "k", label: "Previous ticket", group: GROUP, run: () => walk(-1) });
  useShortcut({ key: "Escape", label: "Back to the list", group: GROUP, run: goBack });
  return { goBack, prefetch };
}

export function nameRow(ref: string): string {
  return `ticket-${ref}`;
}

function focusRow(ref: string): void {
  document.getElementById(nameRow(ref))?.focus();
}

function findFocused(refs: readonly string[]): Place {
  const index = refs.findIndex((ref) => nameRow(ref) === document.activeElement?.id);
  return { ref: refs[index] ?? null, index };
}
