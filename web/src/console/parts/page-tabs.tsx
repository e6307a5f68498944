import { NavLink } from "react-router";
import styles from "./page-tabs.module.css";

export interface PageTab {
  label: string;
  path: string;
  /** Whether the addresses below it are other tabs. */
  end?: boolean;
}

/** The parts of a page, each with an address of its own. */
export function PageTabs({ label, tabs }: { label: string; tabs: readonly PageTab[] }) {
  return (
    <nav className={styles.tabs} aria-label={label}>
      {tabs.map(({ label: name, path, end = false }) => (
        <NavLink key={path} className={styles.tab ?? ""} to={path} end={end}>
          {name}
        </NavLink>
      ))}
    </nav>
  );
}
