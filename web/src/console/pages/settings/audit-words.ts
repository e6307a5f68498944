import type { AuditEntry } from "./types";

/** What was done, with the object put in at its place. */
const DEEDS: Record<string, string> = {
  "article.deleted": "deleted the draft {object}",
  "article.loaded": "loaded the article {object}",
  "article.published": "published the article {object}",
  "article.unpublished": "unpublished the article {object}",
  "attachment.read": "opened the attachment {object}",
  "channel.changed": "changed the channel {object}",
  "channel.tested": "sent a test message from the channel {object}",
  "code.sent": "sent a code to the customer of conversation {object}",
  "conversation.read": "read conversation {object}",
  "customer.erased": "erased customer {object}",
  "customer.exported": "handed out what is known of customer {object}",
  "customer.looked_up": "looked up customer {object}",
  "customer.read": "read customer {object}",
  "dead_letter.read": "read the dead letter {object}",
  "delivery.listed": "listed the deliveries",
  "delivery.settled": "settled delivery {object}",
  "desk.backed_up": "backed the desk up",
  "desk.paused": "paused the desk",
  "desk.restored": "restored the desk from a backup",
  "desk.resumed": "let the desk work again",
  "key.made": "made the API key {object}",
  "key.revoked": "revoked the API key {object}",
  "notice.listed": "listed the notices",
  "probe.sent": "sent a test question through the desk",
  "retention.run": "let go of what is over its time",
  "route.changed": "changed the team for {object}",
  "session.ended": "signed out",
  "session.opened": "signed in",
  "session.refused": "was refused to sign in",
  "session.replayed": "ended a session whose token was copied",
  "signing_key.renewed": "renewed the key that signs sessions",
  "source.read": "read the stored message {object}",
  "source.replayed": "took in the stored message {object} again",
  "ticket.answered": "answered ticket {object}",
  "ticket.assigned": "assigned ticket {object}",
  "ticket.closed": "closed ticket {object}",
  "ticket.corrected": "corrected ticket {object}",
  "ticket.escalated": "escalated ticket {object}",
  "ticket.labelled": "labelled ticket {object}",
  "ticket.listed": "listed tickets",
  "ticket.noted": "wrote a note on ticket {object}",
  "ticket.opened": "opened ticket {object}",
  "ticket.rated": "rated ticket {object}",
  "ticket.read": "read ticket {object}",
  "ticket.released": "gave ticket {object} back to the desk",
  "ticket.reopened": "reopened ticket {object}",
  "ticket.resolution_read": "read how ticket {object} was resolved",
  "upload.added": "uploaded a file",
  "user.changed": "changed the account of {object}",
  "user.listed": "listed the accounts",
  "user.opened": "opened an account for {object}",
  "user.password_changed": "changed the password of {object}",
};

/** The actions that can be asked for, in the order of the alphabet. */
export const ACTIONS = Object.keys(DEEDS);

export interface Sentence {
  actor: string;
  deed: string;
}

export interface Change {
  name: string;
  before: string;
  after: string;
}

/** An entry as a person would tell it; names are known for those accounts and keys that are there. */
export function tellEntry(entry: AuditEntry, names: ReadonlyMap<string, string>): Sentence {
  const object = nameObject(entry, names);
  const known = DEEDS[entry.action];
  if (known !== undefined) return { actor: nameActor(entry, names), deed: known.replace("{object}", () => object) };
  const [kind = "", verb = ""] = entry.action.split(".");
  return { actor: nameActor(entry, names), deed: `${spell(verb)} ${spell(kind)} ${object}`.trim() };
}

export function nameActor({ actor_kind, actor_id }: AuditEntry, names: ReadonlyMap<string, string>): string {
  const name = actor_id === null ? undefined : names.get(actor_id);
  switch (actor_kind) {
    case "user":
      return name ?? `Account ${shorten(actor_id)}`;
    case "key":
      return `Key ${name ?? shorten(actor_id)}`;
    case "operator":
      return "An operator at the command line";
    case "system":
      return "The desk";
  }
}

/** What an entry says was so before and is so since, one fact a row. */
export function listChanges({ before, after }: AuditEntry): Change[] {
  const facts = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...facts].map((name) => ({
    name: spell(name),
    before: writeFact(before?.[name]),
    after: writeFact(after?.[name]),
  }));
}

function nameObject({ object_id }: AuditEntry, names: ReadonlyMap<string, string>): string {
  if (object_id === null) return "";
  return names.get(object_id) ?? shorten(object_id);
}

/** Ids are told apart by their end; references of tickets are whole. */
function shorten(id: string | null): string {
  if (id === null) return "";
  return /^[0-9a-f]{8}-/.test(id) ? `…${id.slice(-8)}` : id;
}

function spell(word: string): string {
  return word.replaceAll("_", " ");
}

function writeFact(fact: unknown): string {
  if (fact === undefined || fact === null || fact === "") return "–";
  if (typeof fact === "boolean") return fact ? "yes" : "no";
  if (Array.isArray(fact)) return fact.join(", ") || "–";
  return typeof fact === "object" ? JSON.stringify(fact) : String(fact);
}
