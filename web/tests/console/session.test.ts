import { describe, expect, it } from "vitest";
import { ApiError } from "../../src/shared/api-error";
import { Session } from "../../src/console/session/session";
import type { News, Tabs } from "../../src/console/session/tabs";
import { ManualClock, settled } from "../sample";

const ORIGIN = "https://desk.example";
const USER = { id: "u1", email: "ada@desk.example", name: "Ada", role: "agent", scopes: ["tickets:read"] };
const MINUTES = 60_000;

/** A server with one session; its tokens are counted, and only the newest is good. */
class Server {
  isSignedIn = true;
  isAway = false;
  refreshes = 0;
  issued = 0;
  readonly seen: string[] = [];

  send = async (request: Request): Promise<Response> => {
    if (this.isAway) throw new TypeError("network");
    const { pathname } = new URL(request.url);
    this.seen.push(pathname);
    if (pathname === "/auth/refresh") this.refreshes += 1;
    if (pathname === "/auth/refresh" || pathname === "/auth/login") return this.grant();
    if (pathname === "/auth/logout") return this.end();
    if (request.headers.get("Authorization") !== `Bearer t${this.issued}`) return refuse();
    return Response.json(pathname === "/auth/me" ? USER : { path: pathname });
  };

  private grant(): Response {
    if (!this.isSignedIn) return refuse();
    this.issued += 1;
    return Response.json({ access_token: `t${this.issued}`, token_type: "bearer", expires_in: 900 });
  }

  private end(): Response {
    this.isSignedIn = false;
    return new Response(null, { status: 204 });
  }
}

/** All tabs of one browser: news reach the others, and work is done one after another. */
class Browser {
  private readonly hearers: ((news: News) => void)[] = [];
  private line: Promise<unknown> = Promise.resolve();

  openTab(): Tabs {
    const own: { hear: (news: News) => void } = { hear: () => {} };
    this.hearers.push((news) => own.hear(news));
    const mine = this.hearers.at(-1);
    return {
      tell: (news) => this.hearers.filter((hear) => hear !== mine).forEach((hear) => hear(news)),
      listen: (hear) => void (own.hear = hear),
      alone: (work) => {
        const result = this.line.then(work);
        this.line = result.catch(() => {});
        return result;
      },
    };
  }
}

function refuse(): Response {
  return Response.json({ title: "Unauthorized", detail: "no" }, { status: 401 });
}

function open(server: Server, clock = new ManualClock(), browser = new Browser()): Session {
  return new Session({ send: server.send, tabs: browser.openTab(), clock, origin: ORIGIN, random: () => 0 });
}

function ask(session: Session): Promise<Response> {
  return session.send(new Request(`${ORIGIN}/tickets`));
}

describe("The session", () => {
  it("knows at the start who is still signed in", async () => {
    const session = open(new Server());
    await session.start();
    expect(session.state).toEqual({ kind: "signed-in", user: USER });
  });

  it("asks for a sign-in when nobody is", async () => {
    const server = new Server();
    server.isSignedIn = false;
    const session = open(server);
    await session.start();
    expect(session.state).toEqual({ kind: "signed-out", hasEnded: false });
  });

  it("waits for a server that is away and goes on by itself", async () => {
    const server = new Server();
    server.isAway = true;
    const clock = new ManualClock();
    const session = open(server, clock);
    await session.start();
    expect(session.state.kind).toBe("unreachable");
    server.isAway = false;
    await clock.advance(clock.waits()[0] ?? NaN);
    await new Promise((resolve) => setTimeout(resolve));
    await settled();
    expect(session.state.kind).toBe("signed-in");
  });

  it("renews a token before it is spent", async () => {
    const server = new Server();
    const clock = new ManualClock();
    const session = open(server, clock);
    await session.start();
    await ask(session);
    expect(server.refreshes).toBe(1);
    await clock.advance(14.6 * MINUTES);
    expect((await ask(session)).status).toBe(200);
    expect(server.refreshes).toBe(2);
  });

  it("renews a token that the server refuses, once for all who ask at the same time", async () => {
    const server = new Server();
    const session = open(server);
    await session.start();
    server.issued += 1; // the token that this tab has is no longer the newest
    const answers = await Promise.all([ask(session), ask(session), ask(session)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(server.refreshes).toBe(2);
  });

  it("renews once for all tabs", async () => {
    const server = new Server();
    const browser = new Browser();
    const clock = new ManualClock();
    const tabs = [open(server, clock, browser), open(server, clock, browser)] as const;
    await tabs[0].start();
    await tabs[1].start();
    const before = server.refreshes;
    await clock.advance(20 * MINUTES);
    await Promise.all(tabs.map(ask));
    expect(server.refreshes).toBe(before + 1);
  });

  it("ends when the server no longer knows it, and says so", async () => {
    const server = new Server();
    const clock = new ManualClock();
    const session = open(server, clock);
    await session.start();
    server.isSignedIn = false;
    await clock.advance(20 * MINUTES);
    await expect(ask(session)).rejects.toMatchObject({ status: 401 });
    expect(session.state).toEqual({ kind: "signed-out", hasEnded: true });
  });

  it("outlasts a server that is away", async () => {
    const server = new Server();
    const clock = new ManualClock();
    const session = open(server, clock);
    await session.start();
    server.isAway = true;
    await clock.advance(20 * MINUTES);
    await expect(ask(session)).rejects.toEqual(new ApiError({ status: null }));
    expect(session.state.kind).toBe("signed-in");
  });

  it("ends in every tab when one signs out", async () => {
    const server = new Server();
    const browser = new Browser();
    const tabs = [open(server, undefined, browser), open(server, undefined, browser)] as const;
    for (const tab of tabs) await tab.start();
    await tabs[0].signOut();
    expect(tabs.map(({ state }) => state.kind)).toEqual(["signed-out", "signed-out"]);
    expect(server.isSignedIn).toBe(false);
  });

  it("begins in every tab when one signs in", async () => {
    const server = new Server();
    server.isSignedIn = false;
    const browser = new Browser();
    const tabs = [open(server, undefined, browser), open(server, undefined, browser)] as const;
    for (const tab of tabs) await tab.start();
    server.isSignedIn = true;
    await tabs[0].signIn("ada@desk.example", "a password");
    await new Promise((resolve) => setTimeout(resolve));
    expect(tabs.map(({ state }) => state.kind)).toEqual(["signed-in", "signed-in"]);
  });

  it("stays open when the server could not be told of the end", async () => {
    const server = new Server();
    const session = open(server);
    await session.start();
    server.isAway = true;
    await expect(session.signOut()).rejects.toMatchObject({ status: null });
    expect(session.state.kind).toBe("signed-in");
  });
});
