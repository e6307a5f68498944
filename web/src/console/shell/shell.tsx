import { AppShell, Burger, Group, Kbd, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { spotlight } from "@mantine/spotlight";
import { SearchIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import mark from "../../images/mark.svg";
import { useShortcut } from "./commands-context";
import { ConnectionBanner } from "./connection-banner";
import { KeyboardHelp } from "./keyboard-help";
import { Navigation } from "./navigation";
import { PauseBanner } from "./pause-banner";
import { Search } from "./search";
import { UserMenu } from "./user-menu";

/** What stands around every page. */
export function Shell({ children }: { children: ReactNode }) {
  const [isMenuOpen, menu] = useDisclosure();
  const [isHelpOpen, help] = useDisclosure();
  useShortcut({ key: "?", label: "Show the keyboard shortcuts", group: "Help", run: help.open });
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 208, breakpoint: "sm", collapsed: { mobile: !isMenuOpen } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <a className="skip-link" href="#main">
        Skip to the page
      </a>
      <AppShell.Header className="header">
        <Group gap="sm" wrap="nowrap">
          <Burger
            opened={isMenuOpen}
            onClick={menu.toggle}
            hiddenFrom="sm"
            size="sm"
            aria-label={isMenuOpen ? "Close the navigation" : "Open the navigation"}
            aria-expanded={isMenuOpen}
          />
          <Link to="/" className="brand">
            <img src={mark} alt="" width={26} height={26} />
            <span>Nightdesk</span>
          </Link>
        </Group>
        <SearchButton />
        <UserMenu onKeyboardHelp={help.open} />
      </AppShell.Header>
      <AppShell.Navbar className="navbar" aria-label="Console">
        <Navigation onNavigate={menu.close} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <ConnectionBanner />
        <PauseBanner />
        {children}
      </AppShell.Main>
      <Search />
      <KeyboardHelp opened={isHelpOpen} onClose={help.close} />
    </AppShell>
  );
}

function SearchButton() {
  const modifier = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";
  return (
    <UnstyledButton className="search-button" onClick={spotlight.open} aria-label="Search pages, actions and tickets">
      <SearchIcon size={16} aria-hidden />
      <span className="search-button__text">Search</span>
      <span className="search-button__keys">
        <Kbd size="xs">{modifier}</Kbd> <Kbd size="xs">K</Kbd>
      </span>
    </UnstyledButton>
  );
}
