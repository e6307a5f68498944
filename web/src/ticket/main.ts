import { createTicketApi } from "../shared/api";
import { browserClock } from "../shared/clock";
import { find } from "../shared/dom";
import { readAddress, type TicketAddress } from "./address";
import { enableCopyLink } from "./copy-link";
import { LiveTicket } from "./live";
import { TicketPage } from "./page";

const REFRESH_AGES_EVERY_MS = 30_000;

const address = readAddress(location);
if (address) openTicket(address);
else showRefused();

function openTicket({ ref, token }: TicketAddress): void {
  const api = createTicketApi(ref, token);
  const page = new TicketPage(ref, api, () => live.wake());
  const live = new LiveTicket({
    api,
    clock: browserClock,
    onTicket: (ticket) => page.show(ticket),
    onConnection: (connection) => page.showConnection(connection),
    onRefused: showRefused,
  });
  void live.run();
  window.addEventListener("online", () => live.wake());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    document.title = document.title.replace(/^New reply · /, "");
    live.wake();
  });
  setInterval(() => page.tick(Date.now()), REFRESH_AGES_EVERY_MS);
  enableCopyLink({
    button: find("#copy-link", HTMLButtonElement),
    status: find("#copy-status", HTMLElement),
    fallback: find("#link", HTMLInputElement),
  });
}

function showRefused(): void {
  find("#loading", HTMLElement).hidden = true;
  find("#ticket", HTMLElement).hidden = true;
  const refused = find("#refused", HTMLElement);
  refused.hidden = false;
  refused.focus();
  document.title = "Ticket not found · Nightdesk";
}
