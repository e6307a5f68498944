import { NavLink } from "@mantine/core";
import { Link, useLocation, useNavigate } from "react-router";
import { useUser } from "../session/session-context";
import { useShortcut } from "./commands-context";
import { Keys } from "./keyboard-help";
import { listSections, type Section } from "./sections";

export function Navigation({ onNavigate }: { onNavigate(): void }) {
  return listSections(useUser()).map((section) => (
    <SectionLink key={section.path} section={section} onNavigate={onNavigate} />
  ));
}

function SectionLink({ section, onNavigate }: { section: Section; onNavigate(): void }) {
  const { path, label, icon: Icon, key } = section;
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const isHere = pathname === path || pathname.startsWith(`${path}/`);
  useShortcut({ key, label: `Go to ${label}`, group: "Pages", run: () => void navigate(path) });
  return (
    <NavLink
      className="nav-link"
      component={Link}
      to={path}
      label={label}
      active={isHere}
      aria-current={isHere ? "page" : undefined}
      leftSection={<Icon size={18} strokeWidth={1.75} aria-hidden />}
      rightSection={
        <span className="nav-link__keys" aria-hidden>
          <Keys keys={key} />
        </span>
      }
      onClick={onNavigate}
    />
  );
}
