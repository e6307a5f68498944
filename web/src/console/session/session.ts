import { ApiError, readApiError } from "../../shared/api-error";
import type { ApiPath } from "../../shared/api-types";
import { reconnectDelay } from "../../shared/backoff";
import type { Clock } from "../../shared/clock";
import type { Tabs } from "./tabs";
import type { Grant, User } from "./types";

export type SessionState =
  | { kind: "starting" }
  | { kind: "unreachable" }
  | { kind: "signed-out"; hasEnded: boolean }
  | { kind: "signed-in"; user: User };

export type SendRequest = (request: Request) => Promise<Response>;

export interface SessionParts {
  send: SendRequest;
  tabs: Tabs;
  clock: Clock;
  /** Where the API is; requests need a whole address. */
  origin: string;
  random?: () => number;
}

/** A token this close to its end may expire on its way to the server. */
const RENEW_BEFORE_MS = 30_000;
const TIMEOUT_MS = 20_000;

interface Access {
  token: string;
  expiresAt: number;
}

/**
 * Who is signed in. The access token lives in memory alone; the refresh token is a cookie that no script reads.
 * All tabs share one session: a renewed token goes to all of them, and signing out ends all of them.
 */
export class Session {
  private readonly parts: SessionParts;
  private readonly listeners = new Set<() => void>();
  private current: SessionState = { kind: "starting" };
  private access: Access | null = null;
  private renewal: Promise<string> | null = null;
  private attempt = 0;
  private cancelRetry: () => void = () => {};

  constructor(parts: SessionParts) {
    this.parts = parts;
    parts.tabs.listen((news) => {
      if (news.kind === "renewed") this.access = { token: news.token, expiresAt: news.expiresAt };
      if (news.kind === "signed-in" && this.current.kind !== "signed-in") void this.start();
      if (news.kind === "signed-out") this.end(false);
    });
  }

  get state(): SessionState {
    return this.current;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Finds out whether the browser is still signed in; while the server is away, asks again and again. */
  start = async (): Promise<void> => {
    this.cancelRetry();
    try {
      const token = await this.renew(null);
      this.enter(await this.loadUser(token));
    } catch (error) {
      if (isRefusal(error)) return this.end(false);
      this.become({ kind: "unreachable" });
      const delay = reconnectDelay(this.attempt++, this.parts.random);
      this.cancelRetry = this.parts.clock.after(delay, () => void this.start());
    }
  };

  /** Raises ApiError; 401 means that email and password do not belong together. */
  async signIn(email: string, password: string): Promise<void> {
    const token = this.accept(await this.post<Grant>("/auth/login", { email, password }));
    this.enter(await this.loadUser(token));
    this.parts.tabs.tell({ kind: "signed-in" });
  }

  /** Ends the session in every tab. Raises ApiError when the server could not be told: it would still be open there. */
  async signOut(): Promise<void> {
    await this.post("/auth/logout");
    this.parts.tabs.tell({ kind: "signed-out" });
    this.end(false);
  }

  /** Sends a request in the name of who is signed in. Raises ApiError for every answer that is not a success. */
  send: SendRequest = async (request) => {
    const token = await this.token();
    const answer = await this.request(authorize(request.clone(), token));
    if (answer.status !== 401) return expectSuccess(answer);
    return expectSuccess(await this.request(authorize(request, await this.renew(token))));
  };

  private async token(): Promise<string> {
    if (this.access && this.access.expiresAt - RENEW_BEFORE_MS > this.parts.clock.now()) return this.access.token;
    return this.renew(this.access?.token ?? null);
  }

  /** A token other than the spent one. However many ask at once, in however many tabs, one request is made. */
  private renew(spent: string | null): Promise<string> {
    this.renewal ??= this.parts.tabs
      .alone(() => this.renewAlone(spent))
      .finally(() => (this.renewal = null));
    return this.renewal;
  }

  private async renewAlone(spent: string | null): Promise<string> {
    // While this tab stood in line, another may have renewed it.
    if (this.access && this.access.token !== spent) return this.access.token;
    try {
      const token = this.accept(await this.post<Grant>("/auth/refresh"));
      this.parts.tabs.tell({ kind: "renewed", ...(this.access as Access) });
      return token;
    } catch (error) {
      if (isRefusal(error) && this.current.kind === "signed-in") this.end(true);
      throw error;
    }
  }

  private accept(grant: Grant): string {
    this.access = { token: grant.access_token, expiresAt: this.parts.clock.now() + grant.expires_in * 1000 };
    return grant.access_token;
  }

  private async loadUser(token: string): Promise<User> {
    const request = authorize(this.build("/auth/me"), token);
    return (await expectSuccess(await this.request(request))).json() as Promise<User>;
  }

  private async post<Answer>(path: ApiPath, body?: object): Promise<Answer> {
    const content = body ? { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : {};
    const answer = await expectSuccess(await this.request(this.build(path, { method: "POST", ...content })));
    return (answer.status === 204 ? null : await answer.json()) as Answer;
  }

  private build(path: ApiPath, init: RequestInit = {}): Request {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return new Request(new URL(path, this.parts.origin), { ...init, cache: "no-store", signal });
  }

  private async request(request: Request): Promise<Response> {
    try {
      return await this.parts.send(request);
    } catch (error) {
      if (isCancelled(request.signal)) throw error;
      throw new ApiError({ status: null });
    }
  }

  private enter(user: User): void {
    this.attempt = 0;
    this.become({ kind: "signed-in", user });
  }

  private end(hasEnded: boolean): void {
    this.access = null;
    this.cancelRetry();
    this.become({ kind: "signed-out", hasEnded });
  }

  private become(state: SessionState): void {
    this.current = state;
    this.listeners.forEach((listener) => listener());
  }
}

function authorize(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

async function expectSuccess(answer: Response): Promise<Response> {
  if (!answer.ok) throw await readApiError(answer, Date.now());
  return answer;
}

/** Whoever asked no longer wants the answer; a timeout is something else. */
function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException && reason.name === "TimeoutError");
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
