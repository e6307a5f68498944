import { useEffect, useRef } from "react";
import { NavLink, useLocation } from "react-router";
import styles from "./page-tabs.module.css";

export interface PageTab {
  label: string;
  path: string;
  /** Whether the addresses below it are other tabs. */
  end?: boolean;
}

/** The parts of a page, each with an address of its own. */
export function PageTabs({ label, tabs }: { label: string; tabs: readonly PageTab[] }) {
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On a phone the tabs scroll, and the one that is open may stand beyond the edge.
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [pathname]);
  return (
    <nav className={styles.tabs} aria-label={label} ref={nav}>
      {tabs.map(({ label: name, path, end = false }) => (
        <NavLink key={path} className={styles.tab ?? ""} to={path} end={end}>
          {name}
        </NavLink>
      ))}
    </nav>
  );
}
