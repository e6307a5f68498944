import { CATEGORY_LABELS, PRIORITY_LABELS } from "../../../shared/labels";
import { CHANNEL_LABELS, ROUTE_LABELS, SORT_LABELS } from "./labels";
import type { Category, Channel, Counts, Priority, Route, Sort, TicketQuery } from "./types";

/** Which tickets the list shows. All of it stands in the address, so that a list can be kept and passed on. */
export interface Filters {
  view: View;
  words: string;
  sort: Sort;
  channel: Channel | null;
  route: Route | null;
  priority: Priority | null;
  category: Category | null;
  /** Somebody of the staff; the views for oneself and for nobody come before this. */
  assignee: string | null;
  customer: string | null;
  isUndelivered: boolean;
}

export type View = keyof typeof VIEWS;

interface ViewParts {
  label: string;
  query: TicketQuery;
  count: keyof Counts | null;
  /** What an empty list means here. */
  empty: string;
}

export const VIEWS = {
  all: {
    label: "All",
    query: {},
    count: null,
    empty: "No tickets yet. They appear here as soon as somebody writes by the form or by another channel.",
  },
  escalated: {
    label: "With the team",
    query: { status: ["escalated"] },
    count: "escalated",
    empty: "Nobody waits for a person. What the assistant cannot answer comes here.",
  },
  unassigned: {
    label: "Unassigned",
    query: { status: ["escalated"], assignee: "none" },
    count: "unassigned",
    empty: "Every ticket with the team has somebody.",
  },
  mine: {
    label: "Mine",
    query: { status: ["open", "auto_resolved", "escalated"], assignee: "me" },
    count: "mine",
    empty: "You have no open tickets. Take one with “a” while you read it.",
  },
  open: {
    label: "With the assistant",
    query: { status: ["open"] },
    count: "open",
    empty: "The assistant has nothing left to answer.",
  },
  answered: {
    label: "Answered",
    query: { status: ["auto_resolved"] },
    count: "auto_resolved",
    empty: "No answers of the assistant wait for their customer.",
  },
  closed: { label: "Closed", query: { status: ["closed"] }, count: "closed", empty: "No ticket is closed yet." },
} satisfies Record<string, ViewParts>;

export const VIEW_NAMES = Object.keys(VIEWS).filter((name): name is View => name in VIEWS);

export function readFilters(params: URLSearchParams): Filters {
  return {
    view: readKey(VIEWS, params.get("view")) ?? "all",
    words: params.get("q") ?? "",
    sort: readKey(SORT_LABELS, params.get("sort")) ?? "waiting",
    channel: readKey(CHANNEL_LABELS, params.get("channel")),
    route: readKey(ROUTE_LABELS, params.get("route")),
    priority: readKey(PRIORITY_LABELS, params.get("priority")),
    category: readKey(CATEGORY_LABELS, params.get("category")),
    assignee: params.get("assignee"),
    customer: params.get("customer"),
    isUndelivered: params.has("undelivered"),
  };
}

/** The address of a list, without what every list has anyway. */
export function writeFilters(filters: Filters): URLSearchParams {
  const params = new URLSearchParams();
  if (filters.view !== "all") params.set("view", filters.view);
  if (filters.words !== "") params.set("q", filters.words);
  if (filters.sort !== "waiting") params.set("sort", filters.sort);
  for (const name of ["channel", "route", "priority", "category", "assignee", "customer"] as const) {
    const value = filters[name];
    if (value !== null) params.set(name, value);
  }
  if (filters.isUndelivered) params.set("undelivered", "");
  return params;
}

/** The question to the API. */
export function toQuery(filters: Filters): TicketQuery {
  const { words, sort, channel, route, priority, category, assignee, customer, isUndelivered } = filters;
  return {
    sort,
    ...(words.trim() !== "" && { q: words.trim() }),
    ...(channel && { channel }),
    ...(route && { route }),
    ...(priority && { priority }),
    ...(category && { category }),
    ...(assignee && { assignee }),
    ...(customer && { customer_id: customer }),
    ...(isUndelivered && { has_delivery_problem: true }),
    ...VIEWS[filters.view].query,
  };
}

/** How many filters are set besides the view and the search. */
export function countFilters({ channel, route, priority, category, assignee, customer, isUndelivered }: Filters): number {
  return [channel, route, priority, category, assignee, customer, isUndelivered || null].filter((set) => set !== null)
    .length;
}

export const NO_FILTERS = {
  channel: null,
  route: null,
  priority: null,
  category: null,
  assignee: null,
  customer: null,
  isUndelivered: false,
} satisfies Partial<Filters>;

export function readKey<Key extends string>(labels: Record<Key, unknown>, value: string | null): Key | null {
  return value !== null && isKey(labels, value) ? value : null;
}

function isKey<Key extends string>(labels: Record<Key, unknown>, value: string): value is Key {
  return Object.hasOwn(labels, value);
}
