import { useEffect, useRef } from "react";
import { useLocation } from "react-router";

/** After a change of page the keyboard and the screen reader go on at its title, as after loading one. */
export function useFocusOnNavigation(): void {
  const { pathname } = useLocation();
  const seen = useRef(pathname);
  useEffect(() => {
    if (seen.current === pathname) return;
    seen.current = pathname;
    window.scrollTo(0, 0);
    const main = document.querySelector<HTMLElement>("#main");
    (main?.querySelector<HTMLElement>("[data-focus-first]") ?? main)?.focus({ preventScroll: true });
  }, [pathname]);
}
