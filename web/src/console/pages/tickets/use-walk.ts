import { useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";
import { useShortcut } from "../../shell/commands-context";
import { usePrefetchTicket } from "./queries";
import type { TicketRow } from "./types";
import { findNeighbour, keepOrder, type Opened } from "./walk";

const GROUP = "Tickets";

/** j and k: through the list by focus, and from ticket to ticket once one is open. Esc goes back to the list. */
export function useWalk(rows: readonly TicketRow[], openRef: string | null) {
  const refs = rows.map(({ ticket_ref }) => ticket_ref);
  const navigate = useNavigate();
  const { search } = useLocation();
  const prefetch = usePrefetchTicket();
  const opened = useRef<Opened>({ ref: null, refs: [] });
  useEffect(() => {
    opened.current = keepOrder(opened.current, openRef, refs);
  });
  useFocusWhereOneWas(openRef);

  const walk = (step: 1 | -1): void => {
    if (openRef === null) return focusRow(findNeighbour(refs, { ref: findFocused(refs), refs }, step));
    const next = findNeighbour(refs, opened.current, step);
    if (next === null) return;
    void navigate({ pathname: `/tickets/${next}`, search }, { replace: true });
    prefetch(findNeighbour(refs, { ref: next, refs }, step));
  };
  const goBack = (): void => {
    if (openRef !== null) void navigate({ pathname: "/tickets", search });
  };
  useShortcut({ key: "j", label: "Next ticket", group: GROUP, run: () => walk(1) });
  useShortcut({ key: "k", label: "Previous ticket", group: GROUP, run: () => walk(-1) });
  useShortcut({ key: "Escape", label: "Back to the list", group: GROUP, run: goBack });
  return { goBack, prefetch };
}

/** Whoever comes back to the list goes on at the ticket they have read. */
function useFocusWhereOneWas(openRef: string | null): void {
  const was = useRef(openRef);
  useEffect(() => {
    if (openRef === null) focusRow(was.current);
    was.current = openRef;
  }, [openRef]);
}

export function nameRow(ref: string): string {
  return `ticket-${ref}`;
}

function focusRow(ref: string | null): void {
  if (ref !== null) document.getElementById(nameRow(ref))?.focus();
}

function findFocused(refs: readonly string[]): string | null {
  return refs.find((ref) => nameRow(ref) === document.activeElement?.id) ?? null;
}
