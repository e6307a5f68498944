import { createContext, use, useSyncExternalStore, type ReactNode } from "react";
import type { Session, SessionState } from "./session";
import type { Scope, User } from "./types";

const SessionContext = createContext<Session | null>(null);
const UserContext = createContext<User | null>(null);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function UserProvider({ user, children }: { user: User; children: ReactNode }) {
  return <UserContext value={user}>{children}</UserContext>;
}

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error("There is no SessionProvider around this.");
  return session;
}

export function useSessionState(): SessionState {
  const session = useSession();
  return useSyncExternalStore(session.subscribe, () => session.state);
}

/** Who is signed in. All pages stand below somebody. */
export function useUser(): User {
  const user = use(UserContext);
  if (!user) throw new Error("Nobody is signed in here.");
  return user;
}

export function hasScope(user: User, scope: Scope): boolean {
  return user.scopes.includes(scope) || user.scopes.includes("admin");
}
