import { useInterval } from "@mantine/hooks";
import { useState } from "react";

const REFRESH_EVERY_MS = 30_000;

/** The time, refreshed often enough for ages and promises. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useInterval(() => setNow(Date.now()), REFRESH_EVERY_MS, { autoInvoke: true });
  return now;
}
