/** What the API says about who is signed in. */

export type Role = "user" | "agent" | "admin";

export type Scope =
  | "tickets:read"
  | "tickets:write"
  | "customers:read"
  | "knowledge:read"
  | "knowledge:write"
  | "metrics:read"
  | "admin";

export interface Grant {
  access_token: string;
  expires_in: number;
}

export interface User {
  id: string;
  email: string;
  name: string;
  role: Role;
  scopes: Scope[];
}
