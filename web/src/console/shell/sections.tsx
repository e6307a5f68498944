import { BookOpenIcon, ChartNoAxesCombinedIcon, InboxIcon, SettingsIcon, type LucideIcon } from "lucide-react";
import { lazy, type ComponentType } from "react";
import type { Scope, User } from "../session/types";
import { hasScope } from "../session/session-context";

export interface Section {
  label: string;
  path: string;
  key: string;
  scope: Scope;
  icon: LucideIcon;
  Page: ComponentType;
}

/** The parts of the console, in the order of the navigation. Each is loaded when it is first looked at. */
const SECTIONS: readonly Section[] = [
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
  {
    label: "Settings",
    path: "/settings",
    key: "g s",
    scope: "tickets:read", // everybody at the desk: their own account is there
    icon: SettingsIcon,
    Page: lazy(() => import("../pages/settings")),
  },
];

export function listSections(user: User): Section[] {
  return SECTIONS.filter(({ scope }) => hasScope(user, scope));
}
