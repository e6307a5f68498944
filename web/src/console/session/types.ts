/** What the API says about who is signed in. */

import type { components } from "../../generated/api";

type Schemas = components["schemas"];

export type Grant = Schemas["Tokens"];
export type User = Schemas["Me"];
export type Scope = Schemas["NewKey"]["scopes"][number];
