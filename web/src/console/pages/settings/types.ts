/** What the API says about accounts, channels and the audit log. */

import type { components, operations } from "../../../generated/api";

type Schemas = components["schemas"];

export type Channel = Schemas["ChannelView"];
export type ChannelChange = Schemas["ChannelChange"];
export type TestMessage = Schemas["TrialView"];
export type EscalationRoute = Schemas["RouteView"];
export type Account = Schemas["UserView"];
export type NewAccount = Schemas["NewUser"];
export type AccountChange = Schemas["UserChange"];
export type Role = Account["role"];
export type Key = Schemas["KeyView"];
export type NewKey = Schemas["NewKey"];
export type KeyMade = Schemas["KeyMade"];
export type AuditEntry = Schemas["Entry"];
export type AuditCheck = Schemas["Check"];

type AuditParameters = NonNullable<operations["read_audit_log_audit_get"]["parameters"]["query"]>;
export type AuditFilters = Omit<AuditParameters, "before" | "limit">;
