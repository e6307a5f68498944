import { BookOpenIcon, ChartNoAxesCombinedIcon, InboxIcon, MessagesSquareIcon, SettingsIcon, type LucideIcon } from "lucide-react";
import { lazy, type ComponentType } from "react";
import type { Scope, User } from "../session/types";
import { hasScope } from "../session/session-context";

export interface Section {
  label: string;
  path: string;
  key: string;
  icon: LucideIcon;
  Page: ComponentType;
}

const SETTINGS: Section = {
  label: "Settings",
  path: "/settings",
  key: "g s",
  icon: SettingsIcon,
  Page: lazy(() => import("../pages/settings")),
};

/** What a customer who signed in finds here. */
const FOR_CUSTOMERS: readonly Section[] = [
  {
    label: "Your tickets",
    path: "/own",
    key: "g t",
    icon: MessagesSquareIcon,
    Page: lazy(() => import("../pages/own")),
  },
  SETTINGS,
];

/** The parts of the console, in the order of the navigation. Each is loaded when it is first looked at. */
const FOR_STAFF: readonly (Section & { scope: Scope })[] = [
  {
    label: "Dashboard",
    path: "/dashboard",
    key: "g d",
    scope: "metrics:read",
    icon: ChartNoAxesCombinedIcon,
    Page: lazy(() => import("../pages/dashboard")),
  },
  {
    label: "Tickets",
    path: "/tickets",
    key: "g t",
    scope: "tickets:read",
    icon: InboxIcon,
    Page: lazy(() => import("../pages/tickets")),
  },
  {
    label: "Knowledge",
    path: "/knowledge",
    key: "g k",
    scope: "knowledge:read",
    icon: BookOpenIcon,
    Page: lazy(() => import("../pages/knowledge")),
  },
  { ...SETTINGS, scope: "tickets:read" }, // everybody at the desk: their own account is there
];

export function listSections(user: User): readonly Section[] {
  if (user.role === "user") return FOR_CUSTOMERS;
  return FOR_STAFF.filter(({ scope }) => hasScope(user, scope));
}
