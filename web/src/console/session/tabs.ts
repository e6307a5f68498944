/** What one tab of the console tells the others. It stays within this browser and this origin. */
export type News =
  | { kind: "renewed"; token: string; expiresAt: number }
  | { kind: "signed-in" }
  | { kind: "signed-out" };

export interface Tabs {
  tell(news: News): void;
  listen(hear: (news: News) => void): void;
  /** Runs the work while no other tab runs its own. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
}

const NAME = "nightdesk-session";

export function openTabs(): Tabs {
  const channel = new BroadcastChannel(NAME);
  return {
    tell: (news) => channel.postMessage(news),
    listen: (hear) => channel.addEventListener("message", ({ data }: MessageEvent<News>) => hear(data)),
    // Without https, browsers have no locks; two tabs may then renew at once, which the server forgives.
    alone: async (work) => (navigator.locks ? await navigator.locks.request(NAME, work) : work()),
  };
}
