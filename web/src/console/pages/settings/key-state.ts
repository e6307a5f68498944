import type { Key } from "./types";

export interface KeyState {
  label: string;
  isGood: boolean;
}

export function describeKey({ revoked_at, expires_at }: Key, now: number): KeyState {
  if (revoked_at !== null) return { label: "Revoked", isGood: false };
  if (expires_at !== null && Date.parse(expires_at) <= now) return { label: "Expired", isGood: false };
  return { label: "Good", isGood: true };
}
