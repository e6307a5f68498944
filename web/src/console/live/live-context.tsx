import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useRef, useState, type ReactNode } from "react";
import { ApiError } from "../../shared/api-error";
import { browserClock } from "../../shared/clock";
import type { ServerEvent } from "../../shared/sse";
import { useSession, useUser } from "../session/session-context";
import type { SendRequest } from "../session/session";
import { LiveEvents, type Connection } from "./live-events";
import { gatherStaleKeys } from "./staleness";

type Hear = (event: ServerEvent) => void;
interface Live {
  connection: Connection;
  subscribe(hear: Hear): () => void;
}

const LiveContext = createContext<Live>({ connection: "off", subscribe: () => () => {} });

/** Follows GET /events while somebody of the staff is signed in, and lets every query look again that an event concerns. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const { send } = useSession();
  const isStaff = useUser().role !== "user";
  const queries = useQueryClient();
  const [connection, setConnection] = useState<Connection>("connecting");
  const [hearers] = useState(() => new Set<Hear>());

  useEffect(() => {
    if (!isStaff) return setConnection("off");
    const makeStale = gatherStaleKeys(browserClock, (queryKey) => void queries.invalidateQueries({ queryKey }));
    const live = new LiveEvents({
      open: (lastId, signal) => openEvents(send, lastId, signal),
      clock: browserClock,
      onEvent(event) {
        makeStale(event);
        hearers.forEach((hear) => hear(event));
      },
      onConnection: setConnection,
    });
    const wake = (): void => live.wake();
    void live.run();
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      live.close();
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [isStaff, send, queries, hearers]);

  const [subscribe] = useState(() => (hear: Hear) => {
    hearers.add(hear);
    return () => void hearers.delete(hear);
  });
  return <LiveContext value={{ connection, subscribe }}>{children}</LiveContext>;
}

export function useConnection(): Connection {
  return use(LiveContext).connection;
}

/** Hears the desk's events itself; queries are looked at again without this. */
export function useLiveEvents(hear: Hear): void {
  const { subscribe } = use(LiveContext);
  const latest = useRef(hear);
  useEffect(() => {
    latest.current = hear;
  });
  useEffect(() => subscribe((event) => latest.current(event)), [subscribe]);
}

async function openEvents(
  send: SendRequest,
  lastId: string | null,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const headers = new Headers({ Accept: "text/event-stream" });
  if (lastId !== null) headers.set("Last-Event-ID", lastId);
  const answer = await send(new Request(new URL("/events", location.origin), { headers, signal, cache: "no-store" }));
  if (answer.body === null) throw new ApiError({ status: null, detail: "The event stream has no body." });
  return answer.body;
}
