import { Navigate, Outlet, Route, Routes } from "react-router";
import { PageTabs } from "../../parts/page-tabs";
import { hasScope, useUser } from "../../session/session-context";
import type { User } from "../../session/types";
import { NotFound } from "../../shell/messages";
import { Page } from "../../shell/page";
import { Account } from "./account";
import { AuditLog } from "./audit-log";
import { Channels } from "./channels";
import { Escalation } from "./escalation";
import { Keys } from "./keys";
import { Users } from "./users";

const OWN = [{ label: "Your account", path: "account", Tab: Account }];
const ADMINS = [
  { label: "Channels", path: "channels", Tab: Channels },
  { label: "Escalation", path: "escalation", Tab: Escalation },
  { label: "Users", path: "users", Tab: Users },
  { label: "API keys", path: "keys", Tab: Keys },
  { label: "Audit log", path: "audit", Tab: AuditLog },
  ...OWN,
];

export default function Settings() {
  const tabs = listTabs(useUser());
  return (
    <Routes>
      <Route element={<Frame tabs={tabs} />}>
        <Route index element={<Navigate to={`/settings/${tabs[0]?.path}`} replace />} />
        {tabs.map(({ path, Tab }) => (
          <Route key={path} path={path} element={<Tab />} />
        ))}
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes>
  );
}

function Frame({ tabs }: { tabs: typeof ADMINS }) {
  return (
    <Page title="Settings">
      <PageTabs label="Parts of the settings" tabs={tabs.map(({ label, path }) => ({ label, path: `/settings/${path}` }))} />
      <Outlet />
    </Page>
  );
}

function listTabs(user: User): typeof ADMINS {
  return hasScope(user, "admin") ? ADMINS : OWN;
}
