import { useEffect, useState } from "react";
import { describeAge, describeMoment } from "../../shared/time";

const REFRESH_MS = 30_000;

/** How long ago something was, kept up to date; the exact moment stands in its title. */
export function Age({ at }: { at: string }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const ticking = setInterval(() => setNow(Date.now()), REFRESH_MS);
    return () => clearInterval(ticking);
  }, []);
  return (
    <time dateTime={at} title={describeMoment(at)}>
      {describeAge(at, Math.max(now, Date.parse(at)))}
    </time>
  );
}
